"""Masks in NIfTI, NRRD and 3D Slicer's seg.nrrd, and what is said of files that are none."""

import gzip
import re
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Grid, same_grid
from BreastFusionLib.lesion import read_mask

pytestmark = pytest.mark.fast


def pixels_of(mask):
    assert mask.GetPixelID() == sitk.sitkUInt8
    return sitk.GetArrayFromImage(mask)


def write(image, path: Path) -> Path:
    sitk.WriteImage(image, str(path))
    return path


def write_slicer(path: Path, grid: Grid, layers: np.ndarray, header: str) -> Path:
    """Write a seg.nrrd as 3D Slicer does: layers [k, j, i, layer] as a list axis, segments in the header."""
    axes = np.reshape(grid.direction, (3, 3)) * np.asarray(grid.spacing_mm)
    vectors = " ".join("(" + ",".join(repr(float(v)) for v in axes[:, c]) + ")" for c in range(3))
    several = layers.shape[-1] > 1
    sizes = " ".join(map(str, ((layers.shape[-1],) if several else ()) + grid.size))
    text = f"""NRRD0004
type: unsigned char
dimension: {3 + several}
space: left-posterior-superior
sizes: {sizes}
space directions: {"none " * several}{vectors}
kinds: {"list " * several}domain domain domain
encoding: gzip
space origin: ({",".join(repr(float(v)) for v in grid.origin_lps)})
{header}Segmentation_MasterRepresentation:=Binary labelmap

"""
    path.write_bytes(text.encode() + gzip.compress(layers.astype(np.uint8).tobytes()))
    return path


def segment(number, name, layer, label, identity=None):
    return (
        f"Segment{number}_ID:={identity or f'Segment_{number + 1}'}\nSegment{number}_Name:={name}\n"
        f"Segment{number}_Layer:={layer}\nSegment{number}_LabelValue:={label}\n"
    )


@pytest.fixture
def overlapping(tmp_path, oblique, make):
    """Three segments: two share voxels, so that they lie in layers; the third shares a layer with the first."""
    first = pixels_of(make.box_mask(oblique, (3, 4, 2), (6, 6, 4)))
    second = pixels_of(make.box_mask(oblique, (6, 7, 3), (6, 6, 4)))
    third = pixels_of(make.box_mask(oblique, (20, 10, 5), (2, 3, 2)))
    layers = np.stack([first + 2 * third, second], axis=-1)
    header = segment(0, "Tumour", 0, 1) + segment(1, "Zyste", 1, 1) + segment(2, "Knoten rechts", 0, 2, "node-7")
    path = write_slicer(tmp_path / "Größe.seg.nrrd", oblique, layers, header)
    return path, {"Tumour": first, "Zyste": second, "Knoten rechts": third}


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".nrrd", ".mha"])
def test_a_mask_comes_back_as_it_was_written(tmp_path, grid, make, suffix):
    mask = make.box_mask(grid, (3, 4, 2), (5, 6, 7))
    found = read_mask(write(mask, tmp_path / f"mask{suffix}"))
    assert np.array_equal(pixels_of(found), pixels_of(mask))
    assert same_grid(found, grid)


@pytest.mark.parametrize("value", [1, 255])
@pytest.mark.parametrize("kind", [sitk.sitkUInt8, sitk.sitkInt16, sitk.sitkFloat64])
def test_any_pixel_type_and_any_single_value_is_taken(tmp_path, oblique, make, value, kind):
    mask = make.box_mask(oblique, (3, 4, 2), (5, 6, 7))
    path = write(sitk.Cast(mask, kind) * value, tmp_path / "mask.nrrd")
    assert np.array_equal(pixels_of(read_mask(path)), pixels_of(mask))


def test_a_volume_of_one_time_point_is_a_volume(tmp_path, upright, make):
    mask = make.box_mask(upright, (3, 4, 2), (5, 6, 7))
    path = write(sitk.JoinSeries([mask]), tmp_path / "mask.nii.gz")
    assert np.array_equal(pixels_of(read_mask(path)), pixels_of(mask))


def test_a_label_is_chosen_by_its_number(tmp_path, upright, make):
    first, second = make.box_mask(upright, (1, 1, 1), (2, 2, 2)), make.box_mask(upright, (9, 9, 5), (3, 2, 1))
    path = write(first + 5 * second, tmp_path / "two.nii.gz")
    assert pixels_of(read_mask(path, 5)).sum() == 6
    assert pixels_of(read_mask(path, "1")).sum() == 8
    with pytest.raises(
        InputError, match=r"two.nii.gz holds 2 segments, and one is needed\. It holds 1, 5\..*--segment"
    ):
        read_mask(path)
    with pytest.raises(InputError, match=r"no segment '3'. It holds 1, 5\."):
        read_mask(path, 3)


def test_segments_that_overlap_are_read_from_their_layers(overlapping, oblique):
    path, truth = overlapping
    for number, (name, pixels) in enumerate(truth.items(), start=1):
        for wanted in (name, number, str(number)):
            found = read_mask(path, wanted)
            assert np.array_equal(pixels_of(found), pixels)
            assert same_grid(found, oblique)
    assert np.array_equal(pixels_of(read_mask(path, "node-7")), truth["Knoten rechts"])


def test_the_segments_are_listed_when_none_or_a_wrong_one_is_chosen(overlapping):
    path, _ = overlapping
    with pytest.raises(InputError, match="It holds 1 'Tumour', 2 'Zyste', 3 'Knoten rechts'"):
        read_mask(path)
    with pytest.raises(InputError, match=r"no segment 'Tumor'\. It holds 1 'Tumour'"):
        read_mask(path, "Tumor")


def test_the_only_segment_needs_no_choice(tmp_path, oblique, make):
    pixels = pixels_of(make.box_mask(oblique, (3, 4, 2), (6, 6, 4)))
    path = write_slicer(tmp_path / "one.seg.nrrd", oblique, 3 * pixels[..., np.newaxis], segment(0, "Tumour", 0, 3))
    assert np.array_equal(pixels_of(read_mask(path)), pixels)


def test_two_segments_of_one_name_are_told_apart_by_number(tmp_path, upright, make):
    pixels = pixels_of(make.box_mask(upright, (3, 4, 2), (6, 6, 4)))
    pixels[8, 20, 20] = 2
    header = segment(0, "Tumour", 0, 1) + segment(1, "Tumour", 0, 2)
    path = write_slicer(tmp_path / "same.seg.nrrd", upright, pixels[..., np.newaxis], header)
    assert pixels_of(read_mask(path, 2)).sum() == 1
    with pytest.raises(InputError, match="holds 2 segments 'Tumour'"):
        read_mask(path, "Tumour")


def test_old_files_have_a_component_for_each_segment(tmp_path, upright, make):
    first = pixels_of(make.box_mask(upright, (3, 4, 2), (6, 6, 4)))
    second = pixels_of(make.box_mask(upright, (5, 4, 2), (6, 6, 5)))
    header = "Segment0_ID:=a\nSegment0_Name:=one\nSegment1_ID:=b\nSegment1_Name:=two\n"
    path = write_slicer(tmp_path / "old.seg.nrrd", upright, np.stack([first, second], axis=-1), header)
    assert np.array_equal(pixels_of(read_mask(path, "two")), second)
    assert np.array_equal(pixels_of(read_mask(path, 1)), first)


def test_an_empty_segment_is_refused(tmp_path, upright, make):
    pixels = pixels_of(make.box_mask(upright, (3, 4, 2), (6, 6, 4)))[..., np.newaxis]
    path = write_slicer(tmp_path / "x.seg.nrrd", upright, pixels, segment(0, "a", 0, 1) + segment(1, "b", 0, 2))
    with pytest.raises(InputError, match="segment 2 'b' is empty"):
        read_mask(path, "b")


def test_a_seg_nrrd_cut_to_its_segments_goes_back_to_its_place(tmp_path, grid, make):
    whole = make.box_mask(grid, (5, 6, 3), (7, 4, 5))
    cut = sitk.RegionOfInterest(whole, (7, 4, 5), (5, 6, 3))
    path = write_slicer(
        tmp_path / "cut.seg.nrrd", Grid.of(cut), pixels_of(cut)[..., np.newaxis], segment(0, "Tumour", 0, 1)
    )
    assert read_mask(path).GetSize() == (7, 4, 5)
    found = read_mask(path, grid=grid)
    assert np.array_equal(pixels_of(found), pixels_of(whole))
    assert same_grid(found, grid)


def test_a_seg_nrrd_of_another_grid_keeps_its_own(tmp_path, upright, make):
    coarse = Grid((15, 12, 6), (2.0, 2.0, 2.0))
    pixels = pixels_of(make.box_mask(coarse, (5, 6, 3), (2, 2, 2)))[..., np.newaxis]
    path = write_slicer(tmp_path / "coarse.seg.nrrd", coarse, pixels, segment(0, "Tumour", 0, 1))
    assert same_grid(read_mask(path, grid=upright), coarse)


def test_a_mask_that_is_not_of_slicer_is_never_moved(tmp_path, upright, make):
    whole = make.box_mask(upright, (5, 6, 3), (7, 4, 5))
    path = write(sitk.RegionOfInterest(whole, (7, 4, 5), (5, 6, 3)), tmp_path / "cut.nii.gz")
    assert read_mask(path, grid=upright).GetSize() == (7, 4, 5)


def test_an_empty_file_is_refused_by_name(tmp_path, upright):
    path = write(upright.empty_image(), tmp_path / "nothing.nii.gz")
    with pytest.raises(InputError, match=r"nothing\.nii\.gz is empty"):
        read_mask(path)


@pytest.mark.parametrize(("value", "words"), [(np.nan, "NaN or infinite"), (np.inf, "NaN or infinite"), (0.4, "0.4")])
def test_values_that_are_no_labels_are_refused(tmp_path, upright, make, value, words):
    pixels = pixels_of(make.box_mask(upright, (3, 4, 2), (6, 6, 4))).astype(np.float32)
    pixels[4, 5, 6] = value
    for name in ("map.nrrd", "map.nii.gz"):
        path = write(make.put(pixels, upright), tmp_path / name)
        with pytest.raises(InputError, match=rf"{re.escape(name)} (?:holds|has) .*{words}"):
            read_mask(path)


@pytest.mark.parametrize("name", ["mask.nii", "mask.nii.gz", "mask.nrrd"])
def test_a_file_that_was_cut_off_is_refused_by_name(tmp_path, upright, make, name):
    path = write(make.box_mask(upright, (3, 4, 2), (6, 6, 4)), tmp_path / name)
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(InputError, match=rf"^{re.escape(name)} "):
        read_mask(path)


def test_a_slice_is_refused_by_name(tmp_path):
    path = write(sitk.Image([8, 8], sitk.sitkUInt8) + 1, tmp_path / "slice.nii.gz")
    with pytest.raises(InputError, match=r"slice\.nii\.gz: A 2-D image of size 8x8"):
        read_mask(path)


def test_a_colour_image_is_refused(tmp_path):
    path = write(sitk.Image([4, 4, 4], sitk.sitkVectorUInt8, 3) + 1, tmp_path / "colour.nrrd")
    with pytest.raises(InputError, match="3 numbers a voxel"):
        read_mask(path)


def test_a_file_that_is_no_image_or_absent_is_refused_by_name(tmp_path):
    (tmp_path / "notes.nii.gz").write_text("hello")
    with pytest.raises(InputError, match=r"notes\.nii\.gz cannot be read"):
        read_mask(tmp_path / "notes.nii.gz")
    with pytest.raises(InputError, match=r"absent\.nrrd does not exist"):
        read_mask(tmp_path / "absent.nrrd")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="folder holds no DICOM segmentation"):
        read_mask(tmp_path / "folder")


def test_real_masks_of_another_collection_are_read(shared_data):
    found = read_mask(shared_data / "ispy2_masks_meta" / "ACRIN-6698-102212_mask.nii.gz")
    assert set(np.unique(pixels_of(found))) == {0, 1}
