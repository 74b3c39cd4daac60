"""The age that the images tell stands in for one that nobody gave, and the reading says so; a cohort has its table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from BreastFusionLib.exam import write_exam
from BreastFusionLib.reading import Case, ColumnSpec, InputsSpec, cut_case, prepare

pytestmark = pytest.mark.fast

AGE = ColumnSpec("age", unit="years", low=18.0, high=110.0)
SAID = "The age was not given; the images tell it: 52 years."


def inputs_of(column: ColumnSpec) -> InputsSpec:
    return InputsSpec(("dce",), patch=None, kinetics=True, clinical=(column,))


@pytest.fixture
def of_52(case) -> Case:
    return replace(case, exam=replace(case.exam, age_years=52), clinical={})


def read(case: Case, column: ColumnSpec = AGE) -> tuple[object, list[str]]:
    prepared = prepare(case, inputs_of(column))
    return prepared.columns["age"], [line for line in prepared.warnings if "age" in line and "image" in line]


def test_an_age_that_nobody_gave_is_the_exams_and_that_is_said(of_52):
    assert read(of_52) == (52.0, [SAID])
    assert read(replace(of_52, exam=replace(of_52.exam, age_years=90)))[1] == [
        SAID.replace("52 years", "90 years or more")
    ]
    portion = cut_case(of_52, inputs_of(AGE))
    assert read(portion.case) == (52.0, [SAID])


@pytest.mark.parametrize(("given", "taken"), [(44, 44.0), ("", None), (None, None), ("nan", None)])
def test_what_somebody_said_counts_more_also_that_it_is_not_known(of_52, given, taken):
    assert read(replace(of_52, clinical={"age": given})) == (taken, [])


def test_a_column_that_is_no_age_in_years_does_not_get_it(of_52):
    assert read(of_52, ColumnSpec("age", unit="decades")) == (None, [])
    assert read(of_52, ColumnSpec("age", "ordinal", levels=("50", "52"))) == (None, [])
    assert read(of_52, ColumnSpec("age", missing=("52",))) == (None, [])


def test_an_age_that_a_column_cannot_hold_counts_as_missing(of_52):
    value, (said,) = read(of_52, ColumnSpec("age", high=50.0))
    assert value is None
    assert said == "The images tell the age, 52 years, which the column 'age' cannot hold: it counts as missing."


def test_in_a_cohort_the_table_alone_counts(of_52, tmp_path):
    pd = pytest.importorskip("pandas")  # of the upper floor, as cohorts are
    from BreastFusionLib.cohort import read_cohort

    write_exam(of_52.exam, tmp_path / "E1", {"L1": of_52.lesion.mask})
    row = {"case_id": "C1", "patient_id": "P1", "exam": "E1", "lesion": "L1", "label": 1}
    pd.DataFrame([row]).assign(age=[None]).to_csv(tmp_path / "cohort.csv", index=False)
    assert read(read_cohort(tmp_path / "cohort.csv").case("C1")) == (None, [])
