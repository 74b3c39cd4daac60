"""DICOM segmentations: frames go where their positions say, and files that cannot say it are refused."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Grid, same_grid
from BreastFusionLib.lesion import read_mask

pytestmark = pytest.mark.fast

SEGMENTATION_STORAGE = "1.2.840.10008.5.1.4.1.1.66.4"


def group(keyword: str, **content: object) -> Dataset:
    """Return a functional group that holds one macro."""
    outer, inner = Dataset(), Dataset()
    for key, value in content.items():
        setattr(inner, key, value)
    setattr(outer, keyword, [inner])
    return outer


def merged(*groups: Dataset) -> Dataset:
    whole = Dataset()
    for one in groups:
        whole.update(one)
    return whole


def write_seg(path: Path, frames, grid: Grid, names=("Lesion",), kind="BINARY", slice_mm=None) -> Path:
    """Write a segmentation.

    Args:
        frames: (segment number, pixels [j, i], position in LPS mm) each, in the order of the file.
        grid: gives orientation and spacing.
        names: Segment Labels.
        slice_mm: stated distance of slices; None: the grid's.
    """
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = SEGMENTATION_STORAGE
    dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.SOPClassUID = SEGMENTATION_STORAGE
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID
    dataset.Modality, dataset.SegmentationType = "SEG", kind
    dataset.SegmentSequence = []
    for number, name in enumerate(names, start=1):
        item = Dataset()
        item.SegmentNumber, item.SegmentLabel = number, name
        dataset.SegmentSequence.append(item)
    axes = np.reshape(grid.direction, (3, 3))
    shared = merged(
        group(
            "PixelMeasuresSequence",
            PixelSpacing=[grid.spacing_mm[1], grid.spacing_mm[0]],
            SpacingBetweenSlices=slice_mm or grid.spacing_mm[2],
        ),
        group("PlaneOrientationSequence", ImageOrientationPatient=[*axes[:, 0].tolist(), *axes[:, 1].tolist()]),
    )
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = [
        merged(
            group("SegmentIdentificationSequence", ReferencedSegmentNumber=number),
            group("PlanePositionSequence", ImagePositionPatient=[f"{value:.6f}" for value in position]),
        )
        for number, _, position in frames
    ]
    pixels = np.stack([image for _, image, _ in frames]).astype(np.uint8)
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 1, 1, 0, 0
    packed = np.packbits(pixels.ravel(), bitorder="little").tobytes()
    dataset.PixelData = packed + b"\0" * (len(packed) % 2)
    dataset.save_as(path, enforce_file_format=True)
    return path


def frames_of(mask: sitk.Image, number: int = 1, slices=None):
    """Return the frames of the slices that hold something."""
    pixels, grid = sitk.GetArrayFromImage(mask), Grid.of(mask)
    held = slices if slices is not None else np.flatnonzero(pixels.any(axis=(1, 2)))
    return [(number, pixels[k], grid.physical((0, 0, k))) for k in held]


@pytest.fixture
def left_handed_free(grid):
    """Grids as DICOM can tell them: the third axis is the cross product of the first two."""
    axes = np.reshape(grid.direction, (3, 3)).copy()
    axes[:, 2] = np.cross(axes[:, 0], axes[:, 1])
    return Grid(grid.size, grid.spacing_mm, grid.origin_lps, tuple(axes.ravel().tolist()))


def test_frames_in_any_order_become_the_volume(tmp_path, left_handed_free, make):
    grid = left_handed_free
    mask = make.box_mask(grid, (3, 4, 2), (6, 5, 4))
    frames = frames_of(mask)
    path = write_seg(tmp_path / "seg.dcm", [frames[i] for i in (2, 0, 3, 1)], grid)
    found = read_mask(path, grid=grid)
    assert found.GetPixelID() == sitk.sitkUInt8
    assert same_grid(found, grid)
    assert np.array_equal(sitk.GetArrayFromImage(found), sitk.GetArrayFromImage(mask))


def test_without_a_reference_the_frames_make_their_own_grid(tmp_path, left_handed_free, make):
    grid = left_handed_free
    mask = make.box_mask(grid, (3, 4, 2), (6, 5, 6))
    frames = frames_of(mask)
    del frames[2]  # a slice without a voxel is left out of the file
    found = read_mask(write_seg(tmp_path / "seg.dcm", frames, grid))
    expected = sitk.GetArrayFromImage(mask)[2:8].copy()
    expected[2] = 0
    assert np.array_equal(sitk.GetArrayFromImage(found), expected)
    assert same_grid(found, Grid((30, 24, 6), grid.spacing_mm, tuple(grid.physical((0, 0, 2))), grid.direction))


def test_a_reference_whose_slices_run_the_other_way_is_met_too(tmp_path, left_handed_free, make):
    grid = left_handed_free
    mask = make.box_mask(grid, (3, 4, 2), (6, 5, 4))
    flipped = sitk.Flip(mask, (False, False, True))
    path = write_seg(tmp_path / "seg.dcm", frames_of(mask), grid)
    found = read_mask(path, grid=Grid.of(flipped))
    assert np.array_equal(sitk.GetArrayFromImage(found), sitk.GetArrayFromImage(flipped))


def test_a_segment_is_chosen_by_number_or_name(tmp_path, left_handed_free, make):
    grid = left_handed_free
    first, second = make.box_mask(grid, (3, 4, 2), (6, 5, 4)), make.box_mask(grid, (5, 4, 3), (2, 5, 4))
    frames = frames_of(first, 1) + frames_of(second, 2)
    path = write_seg(tmp_path / "seg.dcm", frames, grid, names=("Tumour", "Cyst"))
    for wanted in (2, "2", "Cyst"):
        found = read_mask(path, wanted, grid)
        assert np.array_equal(sitk.GetArrayFromImage(found), sitk.GetArrayFromImage(second))
    with pytest.raises(InputError, match=r"seg\.dcm holds 2 segments.*1 'Tumour', 2 'Cyst'"):
        read_mask(path, grid=grid)


def test_a_single_slice_has_the_stated_thickness(tmp_path, left_handed_free, make):
    grid = left_handed_free
    mask = make.box_mask(grid, (3, 4, 2), (6, 5, 1))
    path = write_seg(tmp_path / "seg.dcm", frames_of(mask), grid)
    found = read_mask(path)
    assert found.GetSize() == (30, 24, 1)
    assert found.GetSpacing() == pytest.approx(grid.spacing_mm)


def test_slices_that_are_not_evenly_spaced_need_the_series_they_were_drawn_on(tmp_path, left_handed_free, make):
    grid = left_handed_free
    mask = make.box_mask(grid, (3, 4, 1), (6, 5, 9))
    frames = frames_of(mask, slices=(1, 3, 8))
    path = write_seg(tmp_path / "seg.dcm", frames, grid, slice_mm=7.77)
    found = sitk.GetArrayFromImage(read_mask(path, grid=grid))
    assert np.flatnonzero(found.any(axis=(1, 2))).tolist() == [1, 3, 8]
    with pytest.raises(InputError, match=r"evenly spaced grid \(they lie .* mm apart\).*Export"):
        read_mask(path)


@pytest.mark.parametrize(("shift_mm", "words"), [((0.3, 0, 0), "turned or shifted"), ((0, 0, 0), "at the same place")])
def test_frames_that_do_not_stack_are_refused(tmp_path, left_handed_free, make, shift_mm, words):
    grid = left_handed_free
    number, pixels, position = frames_of(make.box_mask(grid, (3, 4, 1), (6, 5, 1)))[0]
    axes = np.reshape(grid.direction, (3, 3))
    moved = position + axes @ np.asarray(shift_mm)
    path = write_seg(tmp_path / "seg.dcm", [(number, pixels, position), (number, pixels, moved)], grid)
    with pytest.raises(InputError, match=words):
        read_mask(path)


def test_a_segment_without_frames_is_refused(tmp_path, upright, make):
    frames = frames_of(make.box_mask(upright, (3, 4, 1), (6, 5, 2)))
    path = write_seg(tmp_path / "seg.dcm", frames, upright, names=("Tumour", "Cyst"))
    with pytest.raises(InputError, match="segment 2 'Cyst' has no frame"):
        read_mask(path, "Cyst")


def test_what_is_no_binary_segmentation_is_refused(tmp_path, upright, make, duke_folder):
    frames = frames_of(make.box_mask(upright, (3, 4, 1), (6, 5, 2)))
    path = write_seg(tmp_path / "seg.dcm", frames, upright, kind="FRACTIONAL")
    with pytest.raises(InputError, match="kind FRACTIONAL"):
        read_mask(path)
    with pytest.raises(InputError, match="kind MR"):
        read_mask(duke_folder / "dicom_seg_extra_slices" / "1-104.dcm")


def test_a_file_without_positions_is_refused(tmp_path, upright, make):
    path = write_seg(tmp_path / "seg.dcm", frames_of(make.box_mask(upright, (3, 4, 1), (6, 5, 2))), upright)
    dataset = pydicom.dcmread(path)
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        del frame.PlanePositionSequence
    dataset.save_as(path)
    with pytest.raises(InputError, match="lacks PlanePositionSequence"):
        read_mask(path)


def test_a_truncated_file_is_refused(tmp_path, upright, make):
    path = write_seg(tmp_path / "seg.dcm", frames_of(make.box_mask(upright, (3, 4, 1), (6, 5, 2))), upright)
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(InputError, match="cannot be decoded"):
        read_mask(path)
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(InputError, match="lacks"):
        read_mask(path)


def test_a_folder_with_one_segmentation_stands_for_it(tmp_path, upright, make):
    mask = make.box_mask(upright, (3, 4, 1), (6, 5, 2))
    (tmp_path / "study" / "300").mkdir(parents=True)
    (tmp_path / "study" / "notes.txt").write_text("not DICOM")
    write_seg(tmp_path / "study" / "300" / "1", frames_of(mask), upright)
    found = read_mask(tmp_path / "study", grid=upright)
    assert np.array_equal(sitk.GetArrayFromImage(found), sitk.GetArrayFromImage(mask))
    write_seg(tmp_path / "study" / "2", frames_of(mask), upright)
    with pytest.raises(InputError, match="2 DICOM segmentations"):
        read_mask(tmp_path / "study", grid=upright)


@pytest.fixture
def duke_grid():
    """The whole DCE grid of the real patient: 160 slices, the most inferior first."""
    spacing = (0.75892859697342, 0.75892859697342, 1.1)
    return Grid((448, 448, 160), spacing, (-173.87409785896, -154.50363727898, -116.5056922))


def test_the_real_segmentation_of_single_slices_goes_to_its_slices(duke_folder, duke_grid):
    folder = duke_folder / "dicom_seg_extra_slices"
    places = {1: 66, 2: 56, 3: 137, 4: 18}
    voxels = {1: 3605, 2: 4099, 3: 23588, 4: 20967}
    for number, slice_number in places.items():
        found = sitk.GetArrayFromImage(read_mask(folder, number, duke_grid))
        assert found.shape == (160, 448, 448)
        assert np.flatnonzero(found.any(axis=(1, 2))).tolist() == [slice_number]
        assert found.sum() == voxels[number]


def test_the_real_segmentation_says_which_segments_it_has(duke_folder):
    with pytest.raises(InputError, match=r"1-1\.dcm holds 5 segments.*1 'Mammary Fibroglandular Tissue'"):
        read_mask(duke_folder / "dicom_seg_extra_slices")
    with pytest.raises(InputError, match="3 segments 'Fatty tissue of breast'"):
        read_mask(duke_folder / "dicom_seg_extra_slices", "Fatty tissue of breast")


def test_a_file_without_the_dicom_mark_is_read_as_well(tmp_path, left_handed_free, make):
    mask = make.box_mask(left_handed_free, (3, 4, 2), (6, 5, 4))
    path = write_seg(tmp_path / "seg.dcm", frames_of(mask), left_handed_free)
    whole = path.read_bytes()
    path.write_bytes(whole[whole.index(b"\x08\x00\x16\x00UI") :])  # from SOPClassUID on
    found = read_mask(path, grid=left_handed_free)
    assert np.array_equal(sitk.GetArrayFromImage(found), sitk.GetArrayFromImage(mask))


def test_a_file_that_ends_in_its_header_is_refused_by_name(tmp_path, left_handed_free, make):
    mask = make.box_mask(left_handed_free, (3, 4, 2), (6, 5, 4))
    path = write_seg(tmp_path / "seg.dcm", frames_of(mask), left_handed_free)
    whole = path.read_bytes()
    for length in range(140, len(whole) - 20, 7):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"^seg\.dcm"):
            read_mask(path)
