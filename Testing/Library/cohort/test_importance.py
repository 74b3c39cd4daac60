"""Importance of a bundle's sources: pieces exchanged between cases are scored as if the cases were made so."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from BreastFusionLib.cohort.importance import CasePieces, bundle_importance
from BreastFusionLib.cohort.inputs import CaseTask
from BreastFusionLib.cohort.table import read_cohort
from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation.importance import permutation_importance
from BreastFusionLib.exam.geometry import Grid
from BreastFusionLib.images.patches import Patch
from BreastFusionLib.images.settings import AugmentationSpec
from BreastFusionLib.reading.bundle import Bundle, recipe_network
from BreastFusionLib.reading.cache import SavedInputs, save_inputs
from BreastFusionLib.reading.calibration import Calibration
from BreastFusionLib.reading.metadata import BundleMetadata, TrainingRecord
from BreastFusionLib.reading.recipe import ReadingRecipe, TaskSpec, TestTimeSpec
from BreastFusionLib.reading.scalers import fit_scalers
from BreastFusionLib.reading.score import score
from BreastFusionLib.reading.vectors import vector_names

RECIPE = {
    "name": "tiny",
    "inputs": {
        "sequences": ["dce", "t2"],
        "patch": {"size_px": 32, "slices": 1},
        "radiomics": {"settings": {"featureClass": {"shape": []}}},
        "kinetics": True,
        "clinical": [
            "age",
            "density_b",
            "density_c",
            {"name": "enhancement", "kind": "categorical", "levels": ["minimal", "mild", "marked"]},
        ],
    },
    "model": {"encoder": {"name": "small", "weights": "none", "frozen": False, "shared": True}},
}
GRID = Grid((32, 32, 1), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))


def make_cases(n: int, recipe: ReadingRecipe) -> list[SavedInputs]:
    random = np.random.default_rng(1)
    cases = []
    for number in range(n):
        sequences = ("dce",) if number == 3 else ("dce", "t2")  # one case lacks a sequence
        vectors = {
            source: dict(zip(names, random.standard_normal(len(names)).tolist(), strict=True))
            for source, names in vector_names(recipe.inputs).items()
        }
        columns = {name: float(random.standard_normal()) for name in ("age", "density_b", "density_c")}
        columns["enhancement"] = ("minimal", "mild", "marked")[number % 3]
        if number == 5:  # and one its kinetics and its age
            vectors["kinetics"] = dict.fromkeys(vectors["kinetics"], float("nan"))
            columns["age"] = None
        patches = {s: Patch(random.standard_normal((1, 32, 32)).astype(np.float32), GRID) for s in sequences}
        cases.append(SavedInputs(f"C{number}", patches, vectors, {"synthetic": True}, columns=columns))
    return cases


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    recipe = ReadingRecipe.from_mapping(RECIPE, "tiny")
    torch.manual_seed(0)
    scalers = fit_scalers(make_cases(30, recipe), np.arange(30) % 2, recipe.inputs)
    network = recipe_network(recipe, scalers, load_weights=False).eval()
    record = TrainingRecord(True, 30, 15, 0.5)
    calibration = Calibration("platt", 3.0, 0.2)
    metadata = BundleMetadata("tiny", "1.0", TaskSpec(), record, {"sensitivity_0.95": 0.3}, calibration)
    return Bundle(Path("tiny"), metadata, recipe, network, scalers)


@pytest.fixture(scope="module")
def cases(bundle: Bundle) -> list[SavedInputs]:
    return make_cases(12, bundle.recipe)


def test_cases_in_one_piece_score_as_in_a_reading(bundle: Bundle, cases: list[SavedInputs]) -> None:
    pieces = CasePieces(bundle, cases)
    assert pieces(pieces.table) == pytest.approx([score(case, bundle).probability for case in cases], abs=1e-6)


def test_a_score_averaged_over_copies_can_be_taken_apart_too(bundle: Bundle, cases: list[SavedInputs]) -> None:
    test_time = TestTimeSpec(copies=2, augmentation=AugmentationSpec(rotation_degrees=30))
    changing = dataclasses.replace(bundle, recipe=dataclasses.replace(bundle.recipe, test_time=test_time))
    pieces = CasePieces(changing, cases)
    found = pieces(pieces.table)
    assert found == pytest.approx([score(case, changing).probability for case in cases], abs=1e-6)
    assert found != pytest.approx([score(case, bundle).probability for case in cases], abs=1e-4)


def test_exchanged_pieces_score_as_cases_made_of_them(bundle: Bundle, cases: list[SavedInputs]) -> None:
    pieces = CasePieces(bundle, cases)
    donor = np.random.default_rng(2).permutation(len(cases))
    groups = pieces.groups()
    exchanged = groups["t2 image"] + groups["kinetics"] + groups["age"] + groups["enhancement"]
    table = pieces.table.assign(**dict.fromkeys(exchanged, donor))
    made = []
    for case, other in zip(cases, donor, strict=True):
        given = cases[other]
        patches = {"dce": case.patches["dce"]} | ({"t2": given.patches["t2"]} if "t2" in given.patches else {})
        columns = {**case.columns, "age": given.columns["age"], "enhancement": given.columns["enhancement"]}
        vectors = {**case.vectors, "kinetics": given.vectors["kinetics"]}
        made.append(dataclasses.replace(case, patches=patches, vectors=vectors, columns=columns))
    expected = [score(case, bundle).probability for case in made]
    assert pieces(table) == pytest.approx(expected, abs=1e-6)
    assert pieces(table) != pytest.approx(pieces(pieces.table), abs=1e-4)


def test_groups_are_what_a_reader_would_ask_for(bundle: Bundle, cases: list[SavedInputs]) -> None:
    groups = CasePieces(bundle, cases).groups(categories=["density"])
    assert list(groups) == [
        "dce image", "t2 image", "dce image and radiomics", "t2 image and radiomics", "radiomics", "kinetics", "age",
        "density", "enhancement",
    ]  # fmt: skip
    assert groups["density"] == ["clinical.density_b", "clinical.density_c"]
    assert groups["enhancement"] == ["clinical.enhancement"]  # two inputs of the network, one column
    assert len(groups["radiomics"]) == 28 and len(groups["t2 image and radiomics"]) == 15


def test_everything_together_is_worth_most(bundle: Bundle, cases: list[SavedInputs]) -> None:
    pieces = CasePieces(bundle, cases)
    labels = (pieces(pieces.table) > np.median(pieces(pieces.table))).astype(int)
    groups = {"everything": list(pieces.table.columns), **pieces.groups()}
    most, *others = permutation_importance(pieces, pieces.table, labels, groups)
    assert most.name == "everything" and most.rank == 1
    assert most.median > 20  # the labels are the model's own opinion: its AUC of 1 falls towards chance
    assert all(one.median < most.median for one in others)


def test_a_cohort_is_measured_on_its_test_cases(
    bundle: Bundle,
    cases: list[SavedInputs],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def prepare_to_cache(task: CaseTask) -> Path:
        number = int(str(task.row["case_id"])[1:])
        case = cases[number]
        if number == 7:
            raise InputError("no DCE series")
        if number == 9:
            nothing = {source: dict.fromkeys(values, float("nan")) for source, values in case.vectors.items()}
            case = dataclasses.replace(case, patches={}, vectors=nothing, columns=dict.fromkeys(case.columns))
        return save_inputs(case, task.cache / f"{number}.safetensors")

    monkeypatch.setattr("BreastFusionLib.cohort.inputs.prepare_to_cache", prepare_to_cache)
    names = [f"C{number}" for number in range(12)]
    (tmp_path / "exam.nii.gz").write_text("exam")
    splits = ["train"] * 3 + ["test"] * 9
    table = pd.DataFrame({"case_id": names, "patient_id": names, "lesion": "exam.nii.gz", "split": splits})
    table["exam"] = [f"{name}.nii.gz" for name in names]
    for name in table["exam"]:
        (tmp_path / name).write_text(name)
    table["label"] = [0, 1] * 5 + [1, None]
    table = table.assign(**dict.fromkeys(bundle.scalers["clinical"].parts, 0))
    table.to_csv(tmp_path / "cohort.csv", index=False)
    found = bundle_importance(
        bundle, read_cohort(tmp_path / "cohort.csv"), categories=["density"], shuffles=4, split="Testing"
    )

    used = [3, 4, 5, 6, 8, 10]  # test cases; not 7, which failed, nor 9, which has no source, nor 11, without a label
    pieces = CasePieces(bundle, [cases[number] for number in used])
    labels = [table["label"][number] for number in used]
    assert found == permutation_importance(pieces, pieces.table, labels, pieces.groups(["density"]), shuffles=4)
    assert "splits" not in caplog.text
    assert "C9: none of the model's sources is there (1 of 7 cases)" in caplog.text
    table[3:].drop(columns="split").to_csv(tmp_path / "cohort.csv", index=False)
    assert found == bundle_importance(bundle, read_cohort(tmp_path / "cohort.csv"), categories=["density"], shuffles=4)
    assert "no splits: importance is measured on all its cases. If the bundle was trained" in caplog.text
    (tmp_path / "run").mkdir()  # whose predictions tell the splits that it drew
    table.to_csv(tmp_path / "run" / "predictions.csv", index=False)
    in_run = dataclasses.replace(bundle, folder=tmp_path / "run" / "bundle")
    table.drop(columns="split").to_csv(tmp_path / "cohort.csv", index=False)
    assert found == bundle_importance(in_run, read_cohort(tmp_path / "cohort.csv"), categories=["density"], shuffles=4)
    table.to_csv(tmp_path / "cohort.csv", index=False)
    with pytest.raises(InputError, match=r"There is no split 'tset'\. Did you mean 'test'"):
        bundle_importance(bundle, read_cohort(tmp_path / "cohort.csv"), split="tset")
    with pytest.raises(InputError, match="None of the cohort's 12 cases is of split 'validation'"):
        bundle_importance(bundle, read_cohort(tmp_path / "cohort.csv"), split="validation")
