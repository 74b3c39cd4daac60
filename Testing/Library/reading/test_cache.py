from dataclasses import replace

import numpy as np
import pytest
import torch

import BreastFusionLib
from BreastFusionLib.errors import InputError
from BreastFusionLib.reading import inputs_key, load_inputs, save_inputs
from BreastFusionLib.reading.score import batch_tensors

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
    assert inputs_key(here, replace(spec, dce_phase=1), {"age": 50.0}) != key
    here[0].write_bytes(b"three")
    assert inputs_key(here, spec, {"age": 50.0}) != key


def test_what_another_version_has_measured_is_not_used(recipe, tmp_path, monkeypatch):
    (tmp_path / "a.nii.gz").write_bytes(b"one")
    key = inputs_key([tmp_path / "a.nii.gz"], recipe.inputs)
    monkeypatch.setattr(BreastFusionLib, "__version__", "99.0")
    assert inputs_key([tmp_path / "a.nii.gz"], recipe.inputs) != key
