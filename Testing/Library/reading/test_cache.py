import contextlib
import copy
import functools
import operator
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
import scipy
import torch

import BreastFusionLib
from BreastFusionLib.errors import InputError
from BreastFusionLib.images.settings import IntensitySpec, PatchSpec, ProjectionSpec
from BreastFusionLib.reading import inputs_key, load_inputs, save_inputs
from BreastFusionLib.reading.clinical import clinical_columns
from BreastFusionLib.reading.recipe import ColumnSpec, InputsSpec, RadiomicsSpec, RuleSpec
from BreastFusionLib.reading.score import batch_tensors
from BreastFusionLib.settings import from_mapping, to_mapping

pytestmark = pytest.mark.fast


def test_a_saved_case_gives_the_same_tensors(inputs, scalers, recipe, tmp_path):
    values = {**inputs.vectors["radiomics"], "dce_firstorder_Mean": float("nan")}
    inputs = replace(inputs, vectors={**inputs.vectors, "radiomics": values})
    saved = load_inputs(save_inputs(inputs, tmp_path / "case.safetensors"))
    assert saved.case_id == "C1"
    assert saved.context == inputs.context
    assert saved.warnings == inputs.warnings
    assert saved.patches["t1"].grid == inputs.patches["t1"].grid
    for mine, theirs in zip(
        batch_tensors([saved], scalers, recipe), batch_tensors([inputs], scalers, recipe), strict=True
    ):
        assert list(mine) == list(theirs)
        assert all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_a_case_without_patches_is_saved_too(inputs, tmp_path):
    saved = load_inputs(save_inputs(replace(inputs, patches={}), tmp_path / "case.safetensors"))
    assert saved.patches == {}
    np.testing.assert_equal(saved.vectors, inputs.vectors)


def test_a_damaged_file_says_what_to_do(inputs, tmp_path):
    path = save_inputs(inputs, tmp_path / "case.safetensors")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match=r"is no prepared case.*Delete it"):
        load_inputs(path)


def test_the_key_follows_content_and_settings_and_nothing_else(recipe, tmp_path):
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.nii.gz").write_bytes(b"one")
        (tmp_path / folder / "b.nii.gz").write_bytes(b"two")
    here, there = ([tmp_path / folder / name for name in ("a.nii.gz", "b.nii.gz")] for folder in ("here", "there"))
    spec = recipe.inputs
    key = inputs_key(here, spec, {"age": 50.0})
    assert inputs_key(there[::-1], spec, {"age": 50.0, "unused": "x"}) == key
    assert inputs_key(here, spec, {"age": float("nan")}) == inputs_key(here, spec)
    assert inputs_key(here, spec, {"age": 51.0}) != key
    # A column of dates is refused where it is read, in a sentence about the column.
    assert inputs_key(here, spec, {"age": date(2020, 1, 1)}) != inputs_key(here, spec, {"age": date(2020, 1, 2)})
    assert inputs_key(here, replace(spec, dce_phase=1), {"age": 50.0}) != key
    here[0].write_bytes(b"three")
    assert inputs_key(here, spec, {"age": 50.0}) != key


EVERYTHING = InputsSpec(
    sequences=("dce", "t1"),
    patch=PatchSpec(size_mm=40.0, slice_step_mm=3.0),
    radiomics=RadiomicsSpec({"setting": {"binWidth": 5.0}}, IntensitySpec()),
    clinical=(
        ColumnSpec("echo_time_ms"),
        ColumnSpec("age", unit="years", title="Age", low=18.0, high=100.0, missing=("-9",)),
        ColumnSpec("indication", "categorical", levels=("screening", "extent", "other"), base="other"),
        ColumnSpec("reason", "categorical", levels=("screening", "extent")),
    ),
    clinical_rules=(RuleSpec("replace_at_random", "indication", "extent", where="birads", where_values=("6",)),),
    projection=ProjectionSpec(behind_sternum_mm=30.0),
)
LATER = ("unit", "title", "base", "impute", "standardise")
"""What is done to a clinical column's raw values after they were stored."""

WORDS = (
    "t2",
    "rigid",
    "robust",
    "coronal",
    "ordinal",
    "exam",
    "mode",
    "screening",
    "indication",
    "reason",
    "another",
    2,
    2.5,
)


def changes(mapping: dict) -> Iterator[tuple[str, InputsSpec | None]]:
    """Change each setting alone: its name, and the inputs with another allowed value (None: there is none)."""
    for path, value in leaves(mapping):
        others = (
            (not value,)
            if isinstance(value, bool)
            else (value + 2, value - 2)
            if isinstance(value, (int, float))
            else WORDS
        )
        allowed = (changed for other in others if other != value and (changed := with_other(mapping, path, other)))
        yield ".".join(key for key in path if isinstance(key, str)), next(allowed, None)


def leaves(value: Any, *path: str | int) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    if isinstance(value, (dict, list)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(item, *path, key)
    else:
        yield path, value


def with_other(mapping: dict, path: tuple[str | int, ...], value: Any) -> InputsSpec | None:
    changed = copy.deepcopy(mapping)
    functools.reduce(operator.getitem, path[:-1], changed)[path[-1]] = value
    with contextlib.suppress(InputError):
        return from_mapping(InputsSpec, changed, "inputs")
    return None


def test_every_setting_is_in_the_key_but_those_that_come_after_what_is_stored():
    mapping = to_mapping(EVERYTHING)
    assert from_mapping(InputsSpec, mapping, "inputs") == EVERYTHING
    key = inputs_key([], EVERYTHING)
    same: dict[str, set] = {}
    for name, changed in changes(mapping):
        same.setdefault(name, set()).update([inputs_key([], changed) == key] if changed else [])
    assert {name for name, seen in same.items() if True in seen} == {f"clinical.{name}" for name in LATER}
    assert {name for name, seen in same.items() if not seen} == {"clinical_rules.step"}  # there is one step only
    for gone in ("patch", "radiomics", "projection"):
        assert inputs_key([], replace(EVERYTHING, **{gone: None})) != key


@pytest.mark.parametrize("later", LATER)
def test_raw_values_and_what_is_said_of_them_do_not_depend_on_what_is_done_later(later):
    other = {"unit": "weeks", "title": "Words", "base": "screening", "impute": "indicator", "standardise": False}
    echo = ColumnSpec("echo_time_ms", origin="exam", high=50.0)
    given = replace(EVERYTHING, clinical=(echo, *EVERYTHING.clinical[1:]))
    columns = (
        replace(c, **({} if later == "base" and c.base is None else {later: other[later]})) for c in given.clinical
    )
    changed = replace(given, clinical=tuple(columns))
    assert changed != given
    for row in ({"age": 50.0, "indication": "extent", "birads": 6}, {"age": "-9", "indication": "unheard of"}, {}):
        assert clinical_columns(row, {"echo_time_ms": 240.0}, changed, "C1") == clinical_columns(
            row, {"echo_time_ms": 240.0}, given, "C1"
        )


@pytest.mark.parametrize("measures", [BreastFusionLib, np, scipy])
def test_what_another_version_has_measured_is_not_used(recipe, tmp_path, monkeypatch, measures):
    (tmp_path / "a.nii.gz").write_bytes(b"one")
    key = inputs_key([tmp_path / "a.nii.gz"], recipe.inputs)
    monkeypatch.setattr(measures, "__version__", "99.0")
    assert inputs_key([tmp_path / "a.nii.gz"], recipe.inputs) != key
