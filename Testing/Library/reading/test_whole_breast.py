"""A whole breast is read without an outline: its side, its projection and the exam's columns are enough."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam import write_exam
from BreastFusionLib.exam.geometry import Grid
from BreastFusionLib.images import project_breast
from BreastFusionLib.phantom import make_exam
from BreastFusionLib.reading import Bundle, Case, Reader, cut_case, load_bundle, outline_range, prepare, read_many
from BreastFusionLib.reading.reading_folder import discard_reading
from BreastFusionLib.reading.recipe import ReadingRecipe
from BreastFusionLib.service.second_opinion import write_untrained_bundle

pytestmark = pytest.mark.fast

RECIPE: dict[str, Any] = {
    "name": "breast",
    "task": {"unit": "breast"},
    "inputs": {
        "patch": None,
        "projection": {"size_px": 64},
        "clinical": [
            "age",
            {"name": "left_breast", "origin": "exam"},
            {"name": "field_strength_t", "origin": "exam"},
            {"name": "mip_width_mm", "origin": "exam"},
            {"name": "mip_maximum", "origin": "exam"},
        ],
    },
    "model": {
        "encoder": {"name": "small", "weights": "none", "frozen": False, "shared": True},
        "auxiliary_heads": True,
    },
    "training": {"epochs": 1},
}
INPUTS = ReadingRecipe.from_mapping(RECIPE, "breast").inputs


@pytest.fixture(scope="module")
def phantom():
    return make_exam(0, 1, small=True)


@pytest.fixture(scope="module")
def breast(phantom) -> Case:
    return Case(phantom.exam, None, "P/left", {"age": 51}, side="left")


@pytest.fixture(scope="module")
def bundle(breast, tmp_path_factory) -> Bundle:
    return load_bundle(write_untrained_bundle(tmp_path_factory.mktemp("run") / "bundle", breast, RECIPE), device="cpu")


def test_what_is_prepared_is_the_projection_and_the_columns(breast, phantom) -> None:
    found = prepare(breast, INPUTS)
    mip = project_breast(phantom.exam.dce, "left", INPUTS.projection)
    assert list(found.patches) == ["mip"] and np.array_equal(found.patches["mip"].pixels, mip.patch.pixels)
    assert found.columns == {
        "age": 51.0,
        "left_breast": 1.0,
        "field_strength_t": 1.5,
        "mip_width_mm": mip.columns["mip_width_mm"],
        "mip_maximum": mip.maximum,
    }
    assert (found.lesion, found.kinetics, found.mapped, found.vectors) == (None, None, {}, {})
    assert found.context["field_strength_t"] == 1.5 and list(found.context["spacing_mm"]) == ["dce"]
    assert "T1 missing" not in " ".join(found.warnings)


def test_the_lesions_side_is_the_breasts(phantom) -> None:
    with_lesion = prepare(Case(phantom.exam, phantom.lesion, "P"), INPUTS)
    assert phantom.lesion.side == "left" and with_lesion.columns["left_breast"] == 1.0
    assert with_lesion.lesion is not None and with_lesion.kinetics is not None  # measured because it is there
    other = prepare(Case(phantom.exam, phantom.lesion, "P", side="right"), INPUTS)
    assert other.columns["left_breast"] == 0.0


def test_columns_alone_may_come_from_the_projection(breast) -> None:
    measured = replace(INPUTS, projection=replace(INPUTS.projection, as_image=False))
    assert measured.image_sources == () and not measured.needs_lesion
    found = prepare(breast, measured)
    assert found.patches == {} and found.columns == prepare(breast, INPUTS).columns


def test_what_is_missing_is_said(breast, phantom) -> None:
    with pytest.raises(InputError, match="give its side, left or right"):
        prepare(replace(breast, side=None), INPUTS)
    wants_lesion = replace(INPUTS, kinetics=True)
    with pytest.raises(InputError, match="'P/left' has no lesion, and the model reads one"):
        prepare(breast, wants_lesion)
    with pytest.raises(InputError, match="has no lesion, and the model reads one"):
        cut_case(breast, wants_lesion)
    one_phase = replace(phantom.exam, series=(replace(phantom.exam.dce, phases=phantom.exam.dce.phases[:1]),))
    with pytest.raises(InputError, match="one phase only"):
        prepare(replace(breast, exam=one_phase), INPUTS)


@pytest.mark.parametrize("phase", [2, None])
@pytest.mark.parametrize("outlined", [True, False])
def test_a_portion_gives_the_numbers_of_the_whole(breast, phantom, phase, outlined) -> None:
    case = replace(breast, lesion=phantom.lesion if outlined else None)
    inputs = replace(INPUTS, projection=replace(INPUTS.projection, phase=phase))
    portion = cut_case(case, inputs)
    assert sum(len(series.phases) for series in portion.case.exam.series if series.role == "dce") == 5
    whole, part = prepare(case, inputs), prepare(portion.case, inputs, portion.scales)
    assert np.array_equal(part.patches["mip"].pixels, whole.patches["mip"].pixels)
    assert part.patches["mip"].grid == whole.patches["mip"].grid
    assert (part.columns, part.lesion, part.warnings) == (whole.columns, whole.lesion, whole.warnings)


def test_a_reading_of_a_breast(breast, bundle, tmp_path: Path) -> None:
    reading = Reader(bundle).read(breast)
    told = reading.to_mapping()
    assert (told["side"], told["lesion"], told["kinetics"], told["mapping"]) == ("left", None, None, {})
    assert 0 < told["probability"] < 1 and set(told["parts"]) == {"mip", "clinical"}
    assert told["sources"]["used"] == ["mip", "clinical"] and told["projection"] == {"file": "mip.nii.gz"}
    reading.write(tmp_path)
    written = sitk.ReadImage(str(tmp_path / "mip.nii.gz"))
    assert sitk.GetArrayFromImage(written) == pytest.approx(reading.inputs.patches["mip"].pixels)
    assert {path.name for path in tmp_path.iterdir()} == {
        "reading.json",
        "mip.nii.gz",
        *(row["file"] for row in told["maps"]),
    }
    discard_reading(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_map_over_the_projection_lies_on_the_breast(breast, bundle, phantom) -> None:
    evidence = Reader(bundle).read(breast).evidence
    mip = prepare(breast, INPUTS).patches["mip"].grid
    laid = Grid.of(evidence.maps["mip", "gradcam++"])
    ends, whole = laid.physical(laid.corners_ijk(0.5)), mip.physical(mip.corners_ijk(0.5))
    assert (ends.min(axis=0), ends.max(axis=0)) == (pytest.approx(whole.min(axis=0)), pytest.approx(whole.max(axis=0)))
    k, j, i = np.argwhere(sitk.GetArrayViewFromImage(phantom.lesion.mask)).mean(axis=0)
    assert laid.contains(phantom.exam.dce.grid.physical((i, j, k)))  # the left breast's lesion
    assert not laid.contains(phantom.exam.dce.grid.physical((10, j, k)))  # the right armpit
    # A cell is as many pixels wide as high, but the projection's pixels are not square.
    across, down = evidence.cell_size_mm["mip"]
    assert down / across == pytest.approx(mip.spacing_mm[1] / mip.spacing_mm[0])


def test_the_outline_of_nothing_cannot_be_moved(breast, bundle) -> None:
    with pytest.raises(InputError, match="no outline that could be moved"):
        outline_range(breast, bundle)


def test_many_exams_give_a_row_a_breast(phantom, breast, bundle, tmp_path: Path) -> None:
    write_exam(phantom.exam, tmp_path / "exams" / "E1", {"L1": phantom.lesion.mask})
    (tmp_path / "exams" / "E2" / "lesions").mkdir(parents=True)
    rows = read_many(tmp_path / "exams", bundle, tmp_path / "out", clinical={"E1": {"age": 51}})
    assert [(row["exam"][-2:], row["side"], row["lesion"], row["status"]) for row in rows] == [
        ("E1", "left", "", "ok"),
        ("E1", "right", "", "ok"),
        ("E2", "left", "", "failed"),
        ("E2", "right", "", "failed"),
    ]
    assert rows[0]["probability"] == pytest.approx(Reader(bundle).read(breast).probability, abs=1e-6)
    assert rows[0]["probability"] != rows[1]["probability"] and rows[0]["volume_mm3"] is None
    assert rows[0]["folder"].endswith("/left") and (tmp_path / "out" / rows[1]["folder"] / "mip.nii.gz").is_file()
    before = (tmp_path / "out" / rows[0]["folder"] / "reading.json").stat().st_mtime_ns
    assert read_many(tmp_path / "exams", bundle, tmp_path / "out", clinical={"E1": {"age": 51}})[:2] == rows[:2]
    assert (tmp_path / "out" / rows[0]["folder"] / "reading.json").stat().st_mtime_ns == before


def test_an_exam_that_is_one_file_is_read_again_when_the_file_changed(phantom, bundle, tmp_path: Path) -> None:
    images = [sitk.Cast(phase.image, sitk.sitkFloat32) for phase in phantom.exam.dce.phases[:3]]
    exam = tmp_path / "dce.nii.gz"
    projections = []
    for factor in (1.0, 1.2):
        sitk.WriteImage(sitk.JoinSeries([images[0], *(image * factor for image in images[1:])]), str(exam))
        (row, _) = read_many(exam, bundle, tmp_path / "out")
        projections.append(sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "out" / row["folder"] / "mip.nii.gz"))))
    assert not np.array_equal(*projections)


@pytest.mark.parametrize(
    ("name", "projection", "message"),
    [
        ("field_strength", None, "an exam tells no 'field_strength'. Did you mean"),
        ("mip_maximum", None, "'mip_maximum' is measured on a projection, and there is none"),
    ],
)
def test_a_column_that_no_exam_has_is_refused(name, projection, message) -> None:
    inputs = {"patch": None, "projection": projection, "clinical": [{"name": name, "origin": "exam"}]}
    with pytest.raises(InputError, match=message):
        ReadingRecipe.from_mapping({**RECIPE, "inputs": inputs}, "breast")
