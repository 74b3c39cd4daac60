"""Clinical columns as they are read: by their schema, with sentences, and with rules that draw from the case's name."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.acquisition import ACQUISITION_COLUMNS
from BreastFusionLib.images import project_breast
from BreastFusionLib.images.settings import ProjectionSpec
from BreastFusionLib.phantom import make_exam
from BreastFusionLib.reading import ColumnSpec, InputsSpec, RuleSpec, clinical_columns, inputs_key
from BreastFusionLib.reading.column_settings import EXAM_COLUMNS

INDICATIONS = ("other", "screening", "diagnostic", "extent")
INDICATION = ColumnSpec("indication", "categorical", levels=INDICATIONS, title="Indication")


def read(column: ColumnSpec, value: object, origin: str = "table") -> tuple[object, list[str]]:
    row, exam = ({column.name: value}, {}) if origin == "table" else ({}, {column.name: value})
    values, sentences = clinical_columns(row, exam, InputsSpec(clinical=(column,)), "C1")
    return values[column.name], sentences


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": ""}, "a column has no name"),
        ({"name": "label"}, "'label' tells which case it is or what became of it, and is no input"),
        ({"name": "split"}, "is no input"),
        ({"name": "case_id"}, "is no input"),
        ({"name": "echo_time", "origin": "exam"}, "an exam tells no 'echo_time'. Did you mean 'echo_time_ms'"),
        ({"name": "age", "levels": ("a", "b")}, "age: a continuous column has no levels"),
        ({"name": "age", "low": 90.0, "high": 18.0}, r"age: low \(90\) must lie below high \(18\)"),
        ({"name": "bpe", "kind": "ordinal", "low": 1.0}, "bpe: low and high are for continuous columns"),
        ({"name": "bpe", "kind": "ordinal", "base": "mild"}, "an ordinal column is one number and has no base level"),
        ({"name": "bpe", "kind": "categorical", "levels": ("a", "a")}, "a level comes twice"),
        *(
            ({"name": "bpe", "kind": "categorical", "levels": ("a", level), "missing": ("9",)}, f"the level '{level}'")
            for level in ("", "NaN", "9", " b")
        ),
        (
            {"name": "bpe", "kind": "categorical", "levels": ("minimal", "mild"), "base": "minmal"},
            "base level 'minmal' is none. Did you mean 'minimal'",
        ),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        ColumnSpec(**settings)


def test_what_an_exam_tells_is_what_it_is_asked_for():
    phantom = make_exam(0, 1, small=True)
    projected = project_breast(phantom.exam.dce, phantom.lesion.side, ProjectionSpec(size_px=16)).columns
    assert {*ACQUISITION_COLUMNS, "left_breast", *projected} == set(EXAM_COLUMNS)


@pytest.mark.parametrize(
    ("columns", "rules", "message"),
    [
        (("age", "age"), (), "the column 'age' comes more than once"),
        ((), (RuleSpec("replace_at_random", "indicaton", "extent"),), "Did you mean 'indication'"),
        (("age",), (RuleSpec("replace_at_random", "age", "extent"),), "levels of 'age', which are not named"),
        ((), (RuleSpec("replace_at_random", "indication", "extnt"),), "'extnt' must be one of at least two levels"),
        ((), (RuleSpec("replace_at_random", "indication", "extent", where="birads"),), "belong together"),
    ],
)
def test_columns_and_rules_that_do_not_fit_are_refused(columns, rules, message):
    with pytest.raises(InputError, match=message):
        InputsSpec(clinical=(INDICATION, *map(ColumnSpec, columns)), clinical_rules=rules)


@pytest.mark.parametrize("value", [None, "", " ", math.nan, "nan", 99, 99.0, "99", "99.0", "unknown"])
def test_empty_cells_and_missing_codes_are_missing(value):
    assert read(ColumnSpec("age", missing=("99", "unknown")), value) == (None, [])
    assert read(ColumnSpec("bpe", "categorical", levels=("a", "b"), missing=("99", "unknown")), value) == (None, [])


@pytest.mark.parametrize(("value", "expected"), [(3, "3"), (3.0, "3"), ("3", "3"), (" 3 ", "3"), ("3.0", "3")])
def test_a_level_is_the_same_however_the_table_writes_it(value, expected):
    # Beside an empty cell pandas makes 3.0 of a column of whole numbers, and '3.0' beside a word.
    assert read(ColumnSpec("birads", "ordinal", levels=("1", "2", "3")), value) == (expected, [])


def test_a_level_between_whole_numbers_may_come_in_single_precision():
    column = ColumnSpec("field", "categorical", levels=("1.5", "3", "1.1"))
    assert read(column, float(np.float32(1.1))) == ("1.1", [])
    value, (sentence,) = read(column, 1.101)  # what a person typed in is no measurement: 0.1 % are a difference
    assert value is None and "holds '1.101'" in sentence


def test_values_that_cannot_be_meant_are_refused_in_a_sentence():
    with pytest.raises(
        InputError, match="clinical column 'age' holds 540 years: between 18 and 110 years was expected"
    ):
        read(ColumnSpec("age", unit="years", low=18.0, high=110.0), 540)
    with pytest.raises(InputError, match="clinical column 'age' holds 'old': a number was expected"):
        read(ColumnSpec("age"), "old")
    with pytest.raises(InputError, match="a number was expected"):
        read(ColumnSpec("age"), 10**400)
    with pytest.raises(InputError, match=r"'indication' holds the number 2: one of its levels was expected \(other, "):
        read(INDICATION, 2)


def test_a_level_that_nobody_named_is_missing_and_said():
    value, (sentence,) = read(INDICATION, "second look")
    assert value is None
    assert sentence == (
        "The clinical column 'indication' holds 'second look', which is none of its levels (other, screening, "
        "diagnostic, extent); it counts as missing."
    )


def test_what_a_scanner_wrote_is_taken_for_what_it_means():
    field = ColumnSpec("field_strength_t", "categorical", "exam", levels=("1.5", "3"))
    assert read(field, 1.494, "exam") == ("1.5", [])
    assert read(field, 2.8936, "exam") == ("3", [])
    value, (sentence,) = read(field, 7.0, "exam")
    assert value is None and "holds '7', which is none of its levels (1.5, 3)" in sentence
    value, (sentence,) = read(ColumnSpec("echo_time_ms", origin="exam", unit="ms", high=50.0), 240.0, "exam")
    assert value is None
    assert sentence.endswith("'echo_time_ms' holds 240: between -inf and 50 was expected; it counts as missing.")


def obscured(case_ids: list[str], seed: int = 0) -> dict[str, object]:
    rule = RuleSpec("replace_at_random", "indication", "extent", seed, where="birads", where_values=("6",))
    inputs = InputsSpec(clinical=(INDICATION,), clinical_rules=(rule,))
    row = {"indication": "extent", "birads": 6.0}
    return {case_id: clinical_columns(row, {}, inputs, case_id)[0]["indication"] for case_id in case_ids}


def test_an_obscured_indication_depends_on_seed_and_case_only():
    names = [f"C{number}" for number in range(300)]
    found = obscured(names)
    assert found == {name: obscured([name])[name] for name in reversed(names)}
    counts = Counter(found.values())
    assert set(counts) == {"other", "screening", "diagnostic"}
    assert all(70 <= count <= 130 for count in counts.values())  # evenly: 100 each, give or take 3.7 deviations
    changed = sum(found[name] != value for name, value in obscured(names, seed=1).items())
    assert 160 <= changed <= 240  # another seed draws anew: two in three differ


def test_only_indications_that_give_the_answer_away_are_obscured_and_it_is_said():
    rule = RuleSpec("replace_at_random", "indication", "extent", where="birads", where_values=("6",))
    inputs = InputsSpec(clinical=(INDICATION,), clinical_rules=(rule,))
    for row in ({"birads": 4}, {"birads": "4.0"}, {}, {"birads": None}):
        assert clinical_columns({"indication": "extent", **row}, {}, inputs, "C1") == ({"indication": "extent"}, [])
    assert clinical_columns({"indication": "other", "birads": 6}, {}, inputs, "C1") == ({"indication": "other"}, [])
    values, (sentence,) = clinical_columns({"indication": "extent", "birads": "6.0"}, {}, inputs, "C1")
    assert sentence == (
        f"The clinical column 'indication' holds 'extent', which was replaced by '{values['indication']}', drawn at "
        "random, as the model's recipe says."
    )


def test_a_prepared_case_is_kept_by_all_that_its_columns_depend_on():
    rule = RuleSpec("replace_at_random", "indication", "extent", where="birads", where_values=("6",))
    plain, ruled = InputsSpec(clinical=(INDICATION,)), InputsSpec(clinical=(INDICATION,), clinical_rules=(rule,))
    row = {"case_id": "C1", "indication": "extent", "birads": 6, "note": "x"}

    def differs(inputs: InputsSpec, **change: object) -> bool:
        return inputs_key([], inputs, row) != inputs_key([], inputs, {**row, **change})

    assert differs(plain, indication="other") and not differs(plain, birads=4) and not differs(plain, case_id="C2")
    assert differs(ruled, birads=4) and differs(ruled, case_id="C2") and not differs(ruled, note="y")
