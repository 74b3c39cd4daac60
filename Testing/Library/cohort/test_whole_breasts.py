"""A cohort of breasts: prepared by side, without outlines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from BreastFusionLib.cohort import compute_inputs, covering, read_cohort
from BreastFusionLib.cohort.shared_inputs import covers
from BreastFusionLib.errors import InputError
from BreastFusionLib.exam import write_exam
from BreastFusionLib.images import PatchSpec, ProjectionSpec
from BreastFusionLib.phantom import make_exam
from BreastFusionLib.reading import ColumnSpec, InputsSpec, load_inputs

MIP = InputsSpec(
    patch=None,
    projection=ProjectionSpec(size_px=32),
    clinical=(ColumnSpec("age"), ColumnSpec("left_breast", origin="exam"), ColumnSpec("mip_maximum", origin="exam")),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One exam with a lesion, and both of its breasts as cases."""
    target = tmp_path_factory.mktemp("cohort")
    made = make_exam(0, 1, small=True)
    write_exam(made.exam, target / "P0001", {"L1": made.lesion.mask})
    shared = {"patient_id": ["p", "p"], "exam": ["P0001"] * 2, "side": ["L", "R"], "label": [1, 0], "age": [51, 51]}
    pd.DataFrame({"case_id": ["left", "right"], **shared}).to_csv(target / "breasts.csv", index=False)
    with_lesion = {"case_id": ["lesion"], "lesion": ["L1"], **{name: values[:1] for name, values in shared.items()}}
    pd.DataFrame(with_lesion).to_csv(target / "lesions.csv", index=False)
    return target


def test_both_breasts_of_an_exam_are_cases_of_their_own(folder):
    prepared = compute_inputs(read_cohort(folder / "breasts.csv"), MIP)
    assert prepared["status"].tolist() == ["ok", "ok"] and prepared["path"].nunique() == 2
    left, right = (load_inputs(path) for path in prepared["path"])
    assert (left.columns["left_breast"], right.columns["left_breast"]) == (1.0, 0.0)
    assert left.columns["mip_maximum"] > right.columns["mip_maximum"]  # the lesion is on the left
    assert not np.array_equal(left.patches["mip"].pixels, right.patches["mip"].pixels)


def test_an_outline_that_nobody_looks_at_changes_nothing(folder):
    of_breast, of_lesion = (
        compute_inputs(read_cohort(folder / name), MIP)["path"].iloc[0] for name in ("breasts.csv", "lesions.csv")
    )
    assert of_breast == of_lesion  # the same breast, prepared once
    mask = folder / "P0001" / "lesions" / "L1.nii.gz"
    drawn = sitk.ReadImage(str(mask))
    try:
        sitk.WriteImage(sitk.BinaryDilate(drawn, [1, 1, 0]), str(mask))
        assert compute_inputs(read_cohort(folder / "lesions.csv"), MIP)["path"].iloc[0] == of_lesion
    finally:
        sitk.WriteImage(drawn, str(mask))


def test_a_recipe_that_reads_lesions_refuses_a_cohort_without_any(folder):
    with pytest.raises(InputError, match="reads lesions, and the cohort has none: add a column 'lesion'"):
        compute_inputs(read_cohort(folder / "breasts.csv"), InputsSpec(sequences=("dce",), patch=PatchSpec(size_px=16)))


def test_one_projection_serves_who_wants_its_image_and_who_wants_its_measures():
    measures = replace(MIP, projection=replace(MIP.projection, as_image=False))
    shared = covering([measures, MIP])
    assert shared.projection.as_image and covers(shared, measures) and covers(shared, MIP)
    assert not covers(measures, MIP) and not covers(replace(MIP, projection=None), MIP)
    with pytest.raises(InputError, match="prepare their inputs differently"):
        covering([MIP, replace(MIP, projection=replace(MIP.projection, phase=1))])
