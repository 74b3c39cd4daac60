import json
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from BreastFusionLib.exam.geometry import matrix_transform, same_grid, transform_matrix
from BreastFusionLib.reading import Case, Reader, load_bundle
from BreastFusionLib.reading.explain import explain
from BreastFusionLib.reading.score import score

pytestmark = pytest.mark.fast


@pytest.fixture(scope="module")
def reader(bundle_folder):
    return Reader(load_bundle(bundle_folder))


@pytest.fixture(scope="module")
def reading(reader, case):
    return reader.read(case)


def test_a_reading_is_prepare_score_and_explain_together(reading, reader, inputs):
    scores = score(inputs, reader.bundle)
    assert reading.probability == scores.probability
    assert reading.parts == scores.parts
    assert reading.statement == f"Probability of malignancy: {scores.probability:.2f}"
    assert reading.class_name == ("malignant" if scores.probability >= 0.25 else "benign")
    assert reading.threshold == 0.25
    evidence = explain(inputs, reader.bundle, target=1)
    assert reading.evidence.features == evidence.features
    assert all(
        np.array_equal(sitk.GetArrayViewFromImage(image), sitk.GetArrayViewFromImage(evidence.maps[key]))
        for key, image in reading.evidence.maps.items()
    )


def test_reading_twice_gives_the_same_numbers(reading, reader, case):
    again = reader.read(case).to_mapping()
    first = reading.to_mapping()
    for mapping in (first, again):
        del mapping["seconds"]
    assert again == first


def test_reading_json_has_the_promised_keys_and_is_strict(reading, tmp_path):
    path = reading.write(tmp_path / "out")
    content = json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
    assert content["schema"] == "breastfusion.reading/1"
    promised = (
        "case_id probability class statement threshold parts sources kinetics lesion mapping features maps "
        "in_distribution warnings seconds versions bundle disclaimer"
    )
    assert set(promised.split()) <= set(content)
    assert content["sources"] == {
        "used": ["dce", "t1", "t2", "radiomics", "kinetics", "clinical"],
        "missing": [],
        "weights": {},
    }
    assert content["lesion"]["id"] == "L1" and content["lesion"]["side"] == "left"
    assert content["kinetics"]["curve"] == "wash-out"
    assert content["mapping"]["t1"]["coverage"] == 1.0
    assert content["bundle"] == {"name": "tiny", "version": "1.0", "synthetic": False, "prevalence": 0.5}
    assert content["disclaimer"] == "Research use only. Not a medical device."
    assert {"score", "explain", "total"} <= set(content["seconds"])
    assert content["in_distribution"] is True
    assert {"breastfusion", "torch", "numpy", "python", "scipy", "SimpleITK", "radiomics"} <= set(content["versions"])
    assert set(content["versions"]["radiomics"]) >= {"provider", "version"}


def test_files_are_beside_the_json_and_lie_on_the_patient(reading, case, tmp_path):
    folder = reading.write(tmp_path / "Größe é").parent
    content = reading.to_mapping()
    named = {entry["file"] for entry in content["maps"]} | {entry["file"] for entry in content["mapping"].values()}
    assert {path.name for path in folder.iterdir()} == named | {"reading.json"}
    for sequence, entry in content["mapping"].items():
        mask = sitk.ReadImage(folder / entry["file"])
        assert same_grid(mask, case.exam.get(sequence).grid)
        assert np.count_nonzero(sitk.GetArrayViewFromImage(mask)) == entry["voxels"]
    for entry in content["maps"]:
        image = sitk.ReadImage(folder / entry["file"])
        assert same_grid(image, reading.evidence.maps[entry["sequence"], entry["method"]])
        assert entry["cell_size_mm"] == pytest.approx([10.0, 10.0])


def test_a_reading_that_replaces_another_leaves_nothing_of_it(reading, reader, make_exam, lesion, tmp_path):
    reading.write(tmp_path)
    reader.read(Case(make_exam(("dce", "t1")), lesion)).write(tmp_path)
    content = json.loads((tmp_path / "reading.json").read_text())
    named = {row["file"] for row in (*content["maps"], *content["mapping"].values())}
    assert {path.name for path in tmp_path.iterdir()} == {"reading.json", *named}
    assert not any("t2" in name for name in named)


def test_a_missing_t2_is_read_with_its_neutral_value(reader, make_exam, lesion):
    found = reader.read(Case(make_exam(("dce", "t1")), lesion, clinical={"age": 52}))
    assert 0 < found.probability < 1
    assert found.sources_missing == ("t2",)
    assert found.warnings[0] == "T2 missing: the model used its neutral value."
    assert "t2" not in found.parts
    assert {sequence for sequence, _ in found.evidence.maps} == {"dce", "t1"}


def test_a_case_unlike_training_is_said_and_marked(reader, make_exam, lesion):
    found = reader.read(Case(make_exam(t1="post"), lesion, clinical={"age": 52}))
    assert not found.in_distribution
    assert "T1 was taken after contrast; in training it never was." in found.warnings
    assert found.probability is not None


def test_a_model_of_phantoms_says_nothing_about_a_patient(synthetic_bundle_folder, make_exam, lesion, case, tmp_path):
    reader = Reader(load_bundle(synthetic_bundle_folder))
    found = reader.read(Case(make_exam(synthetic=False), lesion, clinical={"age": 52}))
    content = json.loads(found.write(tmp_path).read_text())
    assert content["statement"] == "Demo model: its score has no meaning for this patient"
    assert content["probability"] is content["class"] is content["threshold"] is None
    assert content["parts"] == {}
    assert content["why"] == []
    assert content["in_distribution"] is False
    *measured, age = content["features"]
    assert all(set(row) == {"source", "name", "value"} for row in measured)
    assert [row["name"] for row in measured] == [n for v in found.inputs.vectors.values() for n in v]
    assert age == {"source": "clinical", "name": "age", "value": 52.0, "title": "age", "unit": "", "origin": "table"}
    # What is true of the patient stays.
    phantom = reader.read(case)
    values = {row["name"]: row["value"] for row in phantom.evidence.features}
    assert {row["name"]: row["value"] for row in content["features"]} == values
    assert content["kinetics"]["curve"] == "wash-out"
    assert len(content["maps"]) == 6
    assert phantom.probability is not None
    assert phantom.statement.startswith("Probability of malignancy: 0.")


def test_no_number_of_the_score_leaks_from_a_meaningless_reading(synthetic_bundle_folder, make_exam, lesion, case):
    reader = Reader(load_bundle(synthetic_bundle_folder))
    phantom = reader.read(case)
    text = json.dumps(reader.read(Case(make_exam(synthetic=False), lesion, "C1", {"age": 52})).to_mapping())
    for number in (phantom.probability, *phantom.parts.values()):
        assert f"{number:.6f}"[:7] not in text


def test_the_words_of_the_screen_are_the_bundles_own(reader, case):
    task = replace(reader.bundle.metadata.task, classes=("other", "luminal A"), positive="luminal A", title="Luminal A")
    bundle = replace(reader.bundle, metadata=replace(reader.bundle.metadata, task=task))
    found = Reader(bundle).read(case)
    assert found.statement.startswith("Luminal A: ")
    assert found.class_name in task.classes
    assert "malignan" not in json.dumps([found.to_mapping()["statement"], *found.why])


def test_registration_is_stored_as_a_matrix(reading):
    transform = sitk.Euler3DTransform((1.0, 2.0, 3.0), 0.1, -0.2, 0.3, (4.0, 5.0, 6.0))
    point = np.array([10.0, -20.0, 30.0])
    expected = transform.TransformPoint(point.tolist())
    matrix = transform_matrix(transform)
    np.testing.assert_allclose((matrix @ [*point, 1.0])[:3], expected)
    np.testing.assert_allclose(matrix_transform(matrix).TransformPoint(point.tolist()), expected)
    assert reading.to_mapping()["mapping"]["t1"]["target_to_dce_lps"] is None
