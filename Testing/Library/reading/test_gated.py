"""A model that weighs its sources in each case: the weights go from the network to everything that shows a reading."""

from dataclasses import replace

import pytest
import torch

from BreastFusionLib.exam import write_exam
from BreastFusionLib.reading import Case, Reader, load_bundle, read_many
from BreastFusionLib.reading.bundle import recipe_network, write_bundle
from BreastFusionLib.reading.recipe import ReadingRecipe
from BreastFusionLib.reading.score import batch_tensors, score
from BreastFusionLib.settings import to_mapping

SOURCES = ("dce", "t1", "t2", "radiomics", "kinetics", "clinical")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory, recipe, metadata, scalers):
    content = to_mapping(recipe)
    content["model"] |= {"fusion": "gated", "towers": {source: [8] for source in SOURCES}, "auxiliary_heads": False}
    torch.manual_seed(1)
    network = recipe_network(ReadingRecipe.from_mapping(content, "gated"), scalers, load_weights=False)
    return load_bundle(write_bundle(tmp_path_factory.mktemp("gated") / "bundle", metadata, content, network, scalers))


def test_weights_are_the_network_s_and_one_in_sum(inputs, bundle):
    found = score(inputs, bundle)
    with torch.no_grad():
        weights = bundle.network(*batch_tensors([inputs], bundle.scalers, bundle.recipe)).weights
    assert found.weights == pytest.approx({source: weights[source].item() for source in SOURCES}, abs=1e-6)
    assert sum(found.weights.values()) == pytest.approx(1, abs=1e-6)


def test_a_missing_sequence_has_no_weight_and_the_reading_says_what_the_others_have(make_exam, lesion, bundle, inputs):
    reading = Reader(bundle).read(Case(make_exam(("dce", "t1")), lesion, "C2", {"age": 52}))
    shown = reading.to_mapping()["sources"]
    assert shown["missing"] == ["t2"]
    assert reading.warnings[0] == "T2 missing: the model weighed the others without it."
    assert not any("neutral" in sentence for sentence in reading.warnings)
    assert list(shown["weights"]) == shown["used"]
    assert sum(shown["weights"].values()) == pytest.approx(1, abs=1e-6)
    with_t2 = score(inputs, bundle).weights
    assert shown["weights"]["dce"] / shown["weights"]["t1"] == pytest.approx(with_t2["dce"] / with_t2["t1"], rel=1e-3)


def test_a_score_without_meaning_has_no_weights(case, bundle):
    demo = replace(bundle.metadata, training=replace(bundle.metadata.training, synthetic=True))
    patient = replace(case, exam=replace(case.exam, synthetic=False))
    reading = Reader(replace(bundle, metadata=demo)).read(patient)
    assert reading.probability is None
    assert reading.to_mapping()["sources"]["weights"] == {}


def test_the_table_of_many_readings_has_a_column_for_each_weight(case, bundle, tmp_path):
    folder = tmp_path / "exams" / "E1"
    write_exam(case.exam, folder, {"L1": case.lesion.mask})
    (row,) = read_many(folder, bundle, tmp_path / "out", clinical={"E1": {"age": 52}})
    assert row["status"] == "ok"
    assert sum(row[f"weight_{source}"] for source in SOURCES) == pytest.approx(1, abs=1e-6)
    assert not any(name.startswith("part_") for name in row)
