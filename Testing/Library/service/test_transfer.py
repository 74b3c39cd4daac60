"""What arrives is what was sent, to the last digit."""

import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Grid
from BreastFusionLib.exam.model import Phase
from BreastFusionLib.images import IntensityScale, IntensitySpec, PatchSpec, ProjectionSpec
from BreastFusionLib.lesion import edited_lesion, map_lesion
from BreastFusionLib.reading import Case, ColumnSpec, InputsSpec, RadiomicsSpec, cut_case, prepare
from BreastFusionLib.reading.portion import Portion
from BreastFusionLib.service import (
    read_case,
    read_exam_arrays,
    read_mapped,
    write_case,
    write_exam_arrays,
    write_mapped,
)
from BreastFusionLib.service.transfer import read_mask, write_mask

pytestmark = pytest.mark.fast

OBLIQUE = Grid((7, 6, 5), (0.7, 0.9, 2.5), (112.5, -80.25, 1 / 3), (0.6, -0.8, 0.0, 0.8, 0.6, 0.0, 0.0, 0.0, 1.0))


def assert_same_image(found: sitk.Image, expected: sitk.Image) -> None:
    assert Grid.of(found) == Grid.of(expected)
    assert found.GetPixelID() == expected.GetPixelID()
    np.testing.assert_array_equal(sitk.GetArrayViewFromImage(found), sitk.GetArrayViewFromImage(expected))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64])
def test_an_exam_arrives_as_it_was(make_exam, tmp_path, dtype):
    exam = make_exam()
    pixels = np.random.default_rng(0).integers(0, 200, OBLIQUE.size[::-1]).astype(dtype)
    odd = replace(exam.t1, grid=OBLIQUE, phases=(Phase(None, OBLIQUE.put_on(sitk.GetImageFromArray(pixels))),))
    exam = replace(exam, series=(exam.dce, odd), warnings=("odd",), folder="Ä")
    found = read_exam_arrays(write_exam_arrays(exam, tmp_path / "exam ß"))
    assert (found.pseudonym, found.warnings, found.synthetic, found.folder) == ("made", ("odd",), True, "Ä")
    for ours, theirs in zip(found.series, exam.series, strict=True):
        assert replace(ours, phases=()) == replace(theirs, phases=())
        for one, other in zip(ours.phases, theirs.phases, strict=True):
            assert (one.time_s, one.slices) == (other.time_s, other.slices)
            assert_same_image(one.image, other.image)


def test_volumes_are_read_when_they_are_asked_for(make_exam, tmp_path):
    exam = make_exam()
    told = []
    found = read_exam_arrays(write_exam_arrays(exam, tmp_path, lambda done, total: told.append((done, total))))
    assert told == [(n, 7) for n in range(1, 8)]
    np.save(tmp_path / "t1_0.npy", sitk.GetArrayFromImage(exam.t1.image) + 1)
    assert_same_image(found.t1.image, sitk.Cast(exam.t1.image + 1, exam.t1.image.GetPixelID()))


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_no_file_stays_open(make_exam, tmp_path):
    """Some systems refuse to delete a file that is mapped into memory."""
    found = read_exam_arrays(write_exam_arrays(make_exam(), tmp_path))
    assert found.t1.image is not None
    assert str(tmp_path) not in Path("/proc/self/maps").read_text()


FIRST_ORDER = {"featureClass": {"firstorder": []}}
SPECS = {
    "patches in mm": InputsSpec(
        patch=PatchSpec(32, 40.0, 3, 3.0, IntensitySpec("robust")),
        radiomics=RadiomicsSpec({**FIRST_ORDER, "setting": {"binWidth": 0.1}}, IntensitySpec("robust")),
        kinetics=True,
        clinical=(ColumnSpec("age"),),
    ),
    "own pixels": InputsSpec(patch=PatchSpec(size_px=24)),
    "raw intensities": InputsSpec(patch=PatchSpec(size_px=24, intensity=IntensitySpec("none"))),
    "filters": InputsSpec(
        patch=None,
        radiomics=RadiomicsSpec({**FIRST_ORDER, "imageType": {"LoG": {"sigma": [2.0]}}}),
    ),
    "registration": InputsSpec(("dce", "t1"), registration="rigid", patch=PatchSpec(size_px=24)),
}


@pytest.mark.parametrize("spec", SPECS)
def test_a_case_that_was_sent_gives_the_numbers_of_the_whole(case, tmp_path, spec):
    inputs = SPECS[spec]
    expected = prepare(case, inputs)
    sent = read_case(write_case(cut_case(case, inputs), tmp_path))
    assert sent.inputs == inputs
    found = prepare(sent.case, sent.inputs, sent.scales)
    for source, values in expected.vectors.items():
        np.testing.assert_equal(dict(found.vectors[source]), dict(values))
    for sequence, patch in expected.patches.items():
        np.testing.assert_array_equal(found.patches[sequence].pixels, patch.pixels)
        assert found.patches[sequence].grid == patch.grid
    for sequence, mapped in expected.mapped.items():
        assert_same_image(found.mapped[sequence].mask, mapped.mask)
    for name in ("case_id", "lesion", "kinetics", "context", "warnings"):
        assert getattr(found, name) == getattr(expected, name), name


def test_everything_that_is_known_of_a_case_arrives(case, tmp_path):
    mapped = map_lesion(case.lesion, case.exam, "t1", transform=sitk.Euler3DTransform((1, 2, 3), 0.1, 0, 0, (1, 2, 0)))
    lesion = replace(case.lesion, warnings=("touches the border",))
    own = replace(
        case, lesion=lesion, mapped={"t1": mapped}, dce_phase=3, clinical={"age": np.float64(0.1), "x": math.nan}
    )
    scales = {("t2", IntensitySpec("none")): IntensityScale(), ("t1", IntensitySpec()): IntensityScale(0, 1, 1 / 3, 7)}
    found = read_case(write_case(Portion(own, scales, InputsSpec()), tmp_path))
    assert found.scales == scales
    assert (found.case.case_id, found.case.dce_phase, found.case.clinical) == ("C1", 3, {"age": 0.1, "x": None})
    assert (found.case.lesion.lesion_id, found.case.lesion.side) == ("L1", "left")
    assert found.case.lesion.warnings == lesion.warnings
    assert_same_image(found.case.lesion.mask, lesion.mask)
    assert found.case.mapped["t1"].method == "rigid registration"


@pytest.mark.parametrize("method", ["geometry", "edited", "rigid registration"])
def test_a_mapped_lesion_arrives(case, tmp_path, method):
    mapped = map_lesion(case.lesion, case.exam, "t2")
    if method == "edited":
        mapped = edited_lesion(case.lesion, case.exam, "t2", mapped.mask)
    elif method == "rigid registration":
        transform = sitk.Euler3DTransform((1.0, 2.0, 3.0), 0.1, -0.2, 0.3, (0.4, 0.5, 0.6))
        mapped = map_lesion(case.lesion, case.exam, "t2", transform=transform)
    found = read_mapped({**write_mapped(mapped, tmp_path), "another key": 1})
    assert_same_image(found.mask, mapped.mask)
    assert found.to_mapping() == mapped.to_mapping()
    assert (found.method, found.sequence) == (method, "t2")
    assert (found.transform is None) == (mapped.transform is None)
    if mapped.transform is not None:
        point = (10.0, -20.0, 30.0)
        np.testing.assert_allclose(found.transform.TransformPoint(point), mapped.transform.TransformPoint(point))


@pytest.mark.parametrize("voxels", [(), ((0, 0, 0), (4, 5, 6))])
def test_a_mask_keeps_its_grid_be_it_empty_or_full(tmp_path, voxels):
    pixels = np.zeros(OBLIQUE.size[::-1], np.uint8)
    for voxel in voxels:
        pixels[voxel] = 1
    mask = OBLIQUE.put_on(sitk.GetImageFromArray(pixels))
    assert_same_image(read_mask(write_mask(mask, tmp_path / "mask.npz")), mask)


def test_a_lesion_travels_in_kilobytes(case, tmp_path):
    write_mask(case.lesion.mask, tmp_path / "mask.npz")
    assert (tmp_path / "mask.npz").stat().st_size < 10_000 < case.lesion.mask.GetNumberOfPixels()


def test_damaged_folders_are_refused_in_words(case: Case, tmp_path):
    with pytest.raises(InputError, match=r"case.json cannot be read .* Send the exam again"):
        read_case(tmp_path)
    folder = write_case(cut_case(case, SPECS["own pixels"]), tmp_path / "case")
    (folder / "t1_0.npy").write_bytes(b"no array")
    with pytest.raises(InputError, match=r"t1_0.npy cannot be read as an array"):
        read_case(folder)
    write_case(cut_case(case, SPECS["own pixels"]), folder)
    (folder / "lesion.npz").write_bytes(b"no mask")
    with pytest.raises(InputError, match=r"lesion.npz holds no mask"):
        read_case(folder)


def test_nothing_is_unpickled(case, tmp_path):
    folder = write_case(cut_case(case, SPECS["own pixels"]), tmp_path)
    np.save(folder / "t1_0.npy", np.array([{"a": 1}], dtype=object))
    with pytest.raises(InputError, match="cannot be read as an array"):
        read_case(folder)


def test_a_whole_breast_arrives_without_a_lesion(tmp_path):
    from BreastFusionLib.phantom import make_exam as phantom

    inputs = InputsSpec(patch=None, projection=ProjectionSpec(size_px=32), clinical=(ColumnSpec("age"),))
    case = Case(phantom(0, 1, small=True).exam, None, "P", {"age": 51}, side="right")
    found = read_case(write_case(cut_case(case, inputs), tmp_path))
    assert (found.case.lesion, found.case.side, found.inputs) == (None, "right", inputs)
    sent, arrived = prepare(case, inputs), prepare(found.case, inputs, found.scales)
    np.testing.assert_array_equal(arrived.patches["mip"].pixels, sent.patches["mip"].pixels)
    assert arrived.columns == sent.columns
