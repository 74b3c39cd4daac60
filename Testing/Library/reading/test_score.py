from dataclasses import replace

import numpy as np
import pytest
import torch

from BreastFusionLib.errors import InputError
from BreastFusionLib.reading import Case, load_bundle, prepare
from BreastFusionLib.reading.score import batch_tensors, encode, running, score, score_batch

pytestmark = pytest.mark.fast


@pytest.fixture(scope="module")
def bundle(bundle_folder):
    return load_bundle(bundle_folder)


@pytest.fixture(scope="module")
def without_t2(make_exam, lesion, recipe):
    return prepare(Case(make_exam(("dce", "t1")), lesion, "C2", {"age": 52}), recipe.inputs)


def test_tensors_have_a_row_a_case_and_zeros_where_nothing_is(inputs, without_t2, scalers, recipe):
    images, vectors, present = batch_tensors([inputs, without_t2], scalers, recipe)
    assert {name: tuple(t.shape) for name, t in images.items()} == dict.fromkeys(("dce", "t1", "t2"), (2, 3, 32, 32))
    assert list(present) == ["dce", "t1", "t2", "radiomics", "kinetics", "clinical"]
    assert present["t2"].tolist() == [True, False]
    assert present["radiomics"].tolist() == [True, True]
    assert not images["t2"][1].any()
    np.testing.assert_array_equal(images["t1"][0], inputs.patches["t1"].pixels)
    np.testing.assert_array_equal(vectors["kinetics"][0], scalers["kinetics"].standardise(inputs.vectors["kinetics"]))
    t2 = [name.startswith("t2_") for name in scalers["radiomics"].names]
    assert not vectors["radiomics"][1][t2].any()


def test_a_vector_with_nothing_defined_is_absent(inputs, scalers, recipe):
    case = replace(inputs, columns=dict.fromkeys(inputs.columns))
    assert batch_tensors([case], scalers, recipe)[2]["clinical"].tolist() == [False]


def test_probability_is_the_calibrated_margin_of_the_network(inputs, bundle):
    images, vectors, present = batch_tensors([inputs], bundle.scalers, bundle.recipe)
    with torch.no_grad():
        output = bundle.network(images, vectors, present)
    margin = float(output.logits[0, 1] - output.logits[0, 0])
    found = score(inputs, bundle)
    assert found.logit == pytest.approx(margin, abs=1e-5)
    assert found.probability == pytest.approx(1 / (1 + np.exp(-(0.8 * found.logit - 0.1))), abs=1e-12)
    part = float(output.parts["kinetics"][0, 1] - output.parts["kinetics"][0, 0])
    assert found.parts["kinetics"] == pytest.approx(1 / (1 + np.exp(-(2.0 * part + 0.5))), abs=1e-6)
    assert list(found.parts) == ["dce", "t1", "t2", "radiomics", "kinetics", "clinical"]


def test_a_case_scores_the_same_alone_and_in_company(inputs, without_t2, bundle):
    together = score_batch([inputs, without_t2, inputs], bundle)
    for mine, alone in zip(together, (inputs, without_t2, inputs), strict=True):
        assert mine.probability == pytest.approx(score(alone, bundle).probability, abs=1e-6)
    assert score_batch([], bundle) == []


def test_one_batch_through_the_network_agrees_too(inputs, without_t2, bundle):
    encoded = encode([inputs, without_t2], bundle)
    alone = encode([without_t2], bundle)
    torch.testing.assert_close(encoded.features["t1"][1:], alone.features["t1"], rtol=1e-5, atol=1e-6)


def test_a_missing_source_is_named_and_has_no_part(without_t2, bundle):
    found = score(without_t2, bundle)
    assert found.sources_missing == ("t2",)
    assert found.sources_used == ("dce", "t1", "radiomics", "kinetics", "clinical")
    assert "t2" not in found.parts


def test_a_case_without_any_source_is_refused(inputs, bundle):
    nothing = {source: dict.fromkeys(values, float("nan")) for source, values in inputs.vectors.items()}
    with pytest.raises(InputError, match="Case 'C1': none of the model's sources"):
        score(replace(inputs, patches={}, vectors=nothing, columns={"age": None}), bundle)


def test_a_patch_of_another_size_is_refused(inputs, bundle):
    patch = inputs.patches["t1"]
    small = replace(patch, pixels=patch.pixels[:, :16, :16])
    with pytest.raises(InputError, match=r"t1: the patch has shape \(3, 16, 16\), the model expects \(3, 32, 32\)"):
        score(replace(inputs, patches={**inputs.patches, "t1": small}), bundle)


def test_a_full_graphics_card_is_said_with_what_to_do(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (512 * 2**20, 4096 * 2**20))
    with pytest.raises(InputError, match=r"512 of 4096 MB were free.*choose the device 'cpu'"), running("cuda:0"):
        raise torch.cuda.OutOfMemoryError
