"""The evaluation's report: every part on the page, the same numbers in its files, words for a paper."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from BreastFusionLib.evaluation import evaluate_predictions, evaluate_scores
from BreastFusionLib.report import (
    ExamplePictures,
    LesionPictures,
    evaluation_html,
    find_pictures,
    methods_text,
    write_evaluation_page,
)
from BreastFusionLib.report.example_cases import examples_block


def words_of(document: str) -> str:
    root = ElementTree.fromstring(document.removeprefix("<!DOCTYPE html>"))
    return " ".join(" ".join(root.find("body").itertext()).split())  # type: ignore[union-attr]


def study(patients: bool = False, **options: Any) -> dict[str, Any]:
    """Return the evaluation of a poor and a good model on 120 cases of two sites."""
    random = np.random.default_rng(2)
    labels = np.array([0, 1] * 60)
    scores = {
        name: 1 / (1 + np.exp(-random.normal(size=120) - effect * (labels - 0.5)))
        for name, effect in (("poor", 0.4), ("good <b>", 2.5))
    }
    facts = pd.DataFrame({"site": np.where(np.arange(120) % 4 < 2, "A", "B"), "age": random.normal(55, 9, 120).round()})
    return evaluate_scores(
        labels, scores, facts=facts, subgroup_columns=["site"], bootstrap=200, case_id=[f"c{n}" for n in range(120)],
        patients=np.arange(120) // 3 if patients else None, **options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    result = study(margin=0.1)
    log = [{"epoch": n, "train_loss": 1 / (n + 1), "validation_loss": 1.2 / (n + 1)} for n in range(3)]
    feature = {"name": "age", "shuffles": 30, "median": 3.0, "low": 2.0, "high": 4.0, "rank": 1.0}
    result["training"] = {"poor": log}
    result["importance"] = {"models": {"good <b>": [feature]}, "rank_product": []}
    result["flow"] = {
        name: {
            "rows": 200, "dropped": [{"rows": 80, "why": "of split 'train'"}], "runs": 1, "evaluated": 120, "failed": 3,
        }
        for name in result["models"]
    }  # fmt: skip
    return result


@pytest.fixture(scope="module")
def folder(found: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_evaluation_page(found, tmp_path_factory.mktemp("report")).parent


def rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        yield from csv.DictReader(stream)


def test_every_part_of_the_report_is_on_the_page(folder: Path) -> None:
    words = words_of((folder / "report.html").read_text(encoding="utf-8"))
    for part in (
        "In short", "Cases", "200 rows in the table", "80 left out: of split 'train'", "3 cases failed before",
        "120 cases evaluated", "ROC and precision-recall curves", "Differences", "not worse than",
        "Decisions at the threshold", "Calibration", "Decision curves", "Subgroups", "Training", "Importance",
        "Example cases", "For the paper", "Research use only. Not a medical device.",
    ):  # fmt: skip
        assert part in words, part
    assert "good <b>" in words  # names from files are text, never elements


def test_what_was_not_measured_has_no_section() -> None:
    labels = [0, 1] * 10
    words = words_of(evaluation_html(evaluate_scores(labels, {"a": np.arange(20.0)}, bootstrap=0)))
    for part in ("Differences", "Calibration", "Decision curves", "Subgroups", "Training", "Importance", "Runs"):
        assert part not in words, part


def test_few_cases_have_a_page_without_intervals() -> None:
    words = words_of(evaluation_html(evaluate_scores([0, 0, 1, 1], {"a": [0.1, 0.4, 0.3, 0.9]}, bootstrap=20)))
    assert "2 positive and 2 negative cases are too few" in words and "0.750" in words
    assert "[" not in words  # no interval anywhere


def test_csv_holds_the_numbers_of_the_json(folder: Path, found: dict[str, Any]) -> None:
    assert json.loads((folder / "evaluation.json").read_text())["models"] == json.loads(json.dumps(found["models"]))
    model = found["models"]["poor"]
    table = {row["metric"]: row for row in rows(folder / "tables" / "models.csv") if row["model"] == "poor"}
    for metric, expected in (
        ("auc_delong", model["auc_delong"]),
        ("specificity_at_sensitivity.0.95", model["specificity_at_sensitivity"]["0.95"]),
        ("operating_points.youden.threshold", model["operating_points"]["youden"]["threshold"]),
        ("calibration.slope", model["calibration"]["slope"]),
    ):
        for end, value in expected.items():
            assert table[metric][end] == ("" if value is None else repr(value))
    assert table["confusion.tp"]["value"] == str(model["confusion"]["tp"])
    test = next(rows(folder / "tables" / "comparisons.csv"))
    assert float(test["p_holm"]) == found["comparisons"][0]["p_holm"]
    group = next(row for row in rows(folder / "tables" / "subgroups.csv") if row["metric"] == "auc")
    assert float(group["value"]) == found["subgroups"][0]["models"]["poor"]["groups"][0]["auc"]["value"]
    corners = [row for row in rows(folder / "tables" / "roc.csv") if row["model"] == "poor"]
    assert [float(row["sensitivity"]) for row in corners] == model["roc"]["sensitivity"]
    curve = [row for row in rows(folder / "tables" / "decision_curves.csv") if row["curve"] == "poor"]
    assert [float(row["value"]) for row in curve] == found["decision_curves"]["models"]["poor"]["value"]
    cohort = list(rows(folder / "tables" / "cohort.csv"))
    assert (cohort[0]["all"], cohort[0]["positive"]) == ("120", "60")


def test_every_figure_is_there_as_svg_and_pdf(folder: Path) -> None:
    names = {path.stem for path in (folder / "figures").iterdir()}
    assert names == {
        "roc", "auc", "precision_recall", "decision_curves", "confusion_poor", "confusion_good-b", "calibration_poor",
        "calibration_good-b", "subgroups_poor", "subgroups_good-b", "training_poor", "importance_good-b",
    }  # fmt: skip
    for name in names:
        assert ElementTree.parse(folder / "figures" / f"{name}.svg").getroot().tag.endswith("svg")
        assert (folder / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF")


def test_the_same_evaluation_gives_the_same_files(found: dict[str, Any], folder: Path, tmp_path: Path) -> None:
    write_evaluation_page(found, tmp_path)
    for path in folder.rglob("*.*"):
        assert (tmp_path / path.relative_to(folder)).read_bytes() == path.read_bytes(), path.name


def test_models_of_like_names_keep_their_own_figures(tmp_path: Path) -> None:
    labels = [0, 1] * 10
    write_evaluation_page(evaluate_scores(labels, {"a/b": np.arange(20), "a b": np.arange(20)}, bootstrap=0), tmp_path)
    assert {path.name for path in (tmp_path / "figures").glob("confusion*.svg")} == {
        "confusion_a-b.svg", "confusion_a-b-2.svg",
    }  # fmt: skip


def test_methods_are_filled_with_the_numbers(found: dict[str, Any]) -> None:
    text = methods_text(found)
    best = found["models"]["good <b>"]["auc_delong"]
    for part in (
        "evaluated on 120 cases: 60 negative (50.0 %) and 60 positive (50.0 %)",
        "DeLong's method (1)",
        "200 bootstrap replicates (2), drawing cases within their class",
        "threshold of 0.5 have Wilson intervals (3)",
        "margin of 0.1",
        f"{best['value']:.3f} ({best['low']:.3f} to {best['high']:.3f}) for good <b>",
        "1. DeLong ER",
    ):
        assert part in text, part
    assert "Holm" not in text  # one comparison needs no correction


def test_methods_say_when_patients_are_counted() -> None:
    text = methods_text(study(patients=True))
    assert "120 cases of 40 patients" in text
    assert "clustered data (1)" in text and "1. Obuchowski" in text and "patients with all their cases" in text
    assert "DeLong" not in text


def test_methods_do_not_speak_of_what_was_not_done() -> None:
    text = methods_text(evaluate_scores([0, 1] * 10, {"a": np.arange(20.0)}, bootstrap=0))
    assert not any(word in text for word in ("bootstrap", "Calibration", "Decision", "compared", "Subgroups"))


def test_runs_and_folds_have_their_tables(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    labels = np.array([0, 1] * 20)
    for name, effect in (("a", 1.0), ("b", 2.0)):
        runs = [
            pd.DataFrame({
                "case_id": range(40), "run": run, "fold": np.arange(40) // 10, "label": labels,
                "score": 1 / (1 + np.exp(-random.normal(size=40) - effect * labels)),
            })
            for run in ("s1", "s2")
        ]  # fmt: skip
        pd.concat(runs).to_csv(tmp_path / f"{name}.csv", index=False)
    result = evaluate_predictions([tmp_path / "a.csv", tmp_path / "b.csv"], bootstrap=20)
    words = words_of(write_evaluation_page(result, tmp_path / "out").read_text(encoding="utf-8"))
    found = result["models"]["b"]["runs"]
    spread = found["spread"]
    assert f"b 2 runs {spread['mean']['value']:.3f} [" in words and f"{spread['sd']:.3f}" in words
    assert "b 4 folds of run s2" in words and "a against b 8 " in words
    table = list(rows(tmp_path / "out" / "tables" / "runs.csv"))
    assert len(table) == 2 * (2 + 8)
    assert float(table[-1]["auc"]) == found["folds"]["s2"]["auc"]["3"]


def test_several_classes_have_a_page_of_their_own(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 20)
    for name, effect in (("a", 0.5), ("b", 2.0)):
        p = np.exp(effect * np.eye(3)[labels] + random.normal(size=(60, 3)))
        p /= p.sum(axis=1, keepdims=True)
        table = pd.DataFrame(p, columns=["score_normal", "score_benign", "score_malignant"])
        table.assign(case_id=range(60), label=labels).to_csv(tmp_path / f"{name}.csv", index=False)
    result = evaluate_predictions([tmp_path / "a.csv", tmp_path / "b.csv"], bootstrap=100)
    out = write_evaluation_page(result, tmp_path / "report")
    words = words_of(out.read_text(encoding="utf-8"))
    for part in ("2 models on 60 cases of 3 classes", "ODELIA score", "malignant against the rest", "macro AUC was"):
        assert part in words, part
    score = result["models"]["b"]["odelia"]["score"]
    assert f"{score['value']:.3f} [{score['low']:.3f}, {score['high']:.3f}]" in words
    names = {path.stem for path in (out.parent / "figures").glob("*.svg")}
    assert names == {"roc_normal", "roc_benign", "roc_malignant", "confusion_a", "confusion_b"}
    metrics = {row["metric"] for row in rows(out.parent / "tables" / "models.csv")}
    assert {"auc", "odelia.score", "classes.malignant.auc", "confusion.benign.malignant"} <= metrics


def test_example_cases_show_lesion_and_map(found: dict[str, Any], pictures: LesionPictures) -> None:
    examples = found["models"]["good <b>"]["examples"]
    sure = examples["true_positives"][0]
    other = {"probability": sure["score"] - 0.2, "bundle": {"name": "older"}}
    page = evaluation_html(found, pictures=ExamplePictures({sure["case_id"]: pictures}, {sure["case_id"]: other}))
    words = words_of(page)
    assert f"{sure['case_id']} score {sure['score']:.3f}; the map is of older, which says" in words
    assert "Grad-CAM++" in words and "These exams are phantoms" in words
    assert page.count("data:image/png;base64,") >= 2  # the slice, and the map's cells over it


def test_example_breasts_are_shown_by_their_projection_and_its_map(
    made_up: SimpleNamespace, pictures: LesionPictures, tmp_path: Path
) -> None:
    from BreastFusionLib.exam import write_exam

    write_exam(pictures.exam, tmp_path / "exams" / "e1")
    cohort = tmp_path / "breasts.csv"
    cohort.write_text("case_id,patient_id,exam,side\nc1,p1,exams/e1,left\n")
    folder = tmp_path / "readings" / "c1"
    folder.mkdir(parents=True)
    projection = sitk.GetImageFromArray(np.linspace(0, 1, 64, dtype=np.float32).reshape(1, 8, 8))
    for name in ("projection.nii.gz", "map.nii.gz"):
        sitk.WriteImage(projection, str(folder / name))
    row = {"sequence": "mip", "method": "gradcam++", "file": "map.nii.gz", "cell_size_mm": [1, 1]}
    told = {"case_id": "c1", "probability": 0.1, "maps": [row], "projection": {"file": "projection.nii.gz"}}
    (folder / "reading.json").write_text(json.dumps(told))
    result = evaluate_scores(
        [0, 1] * 5, {"a": np.linspace(0.1, 0.9, 10)}, case_id=[f"c{n}" for n in range(1, 11)], bootstrap=0, examples=9
    )
    shown = find_pictures(result, cohort, tmp_path / "readings")
    assert list(shown.pictures) == ["c1"] and list(shown.pictures["c1"].maps) == [("mip", "gradcam++")]
    block = str(examples_block(result, shown))
    assert block.count("data:image/png;base64,") == 3  # the projection twice, once with the map's cells over it
    assert "The projection as the model saw it; beside it the same with the map" in block


def test_pictures_are_found_in_cohort_and_readings(
    made_up: SimpleNamespace, pictures: LesionPictures, reading: dict[str, Any], tmp_path: Path
) -> None:
    from BreastFusionLib.exam import write_exam

    write_exam(pictures.exam, tmp_path / "exams" / "e1")
    (tmp_path / "exams" / "e1" / "lesions").mkdir(exist_ok=True)
    sitk.WriteImage(pictures.masks["dce"], str(tmp_path / "exams" / "e1" / "lesions" / "L1.nii.gz"))
    cohort = tmp_path / "cohort.csv"
    cohort.write_text("case_id,patient_id,exam,lesion\nc1,p1,exams/e1,L1\n")
    folder = tmp_path / "readings" / "any"
    folder.mkdir(parents=True)
    (folder / "reading.json").write_text(json.dumps(reading | {"case_id": "c1"}))
    for row in reading["maps"]:
        sitk.WriteImage(pictures.maps[row["sequence"], row["method"]], str(folder / row["file"]))
    labels, scores = [0, 1] * 5, np.linspace(0.1, 0.9, 10)
    result = evaluate_scores(labels, {"a": scores}, case_id=[f"c{n}" for n in range(10)], bootstrap=0, examples=9)
    shown = find_pictures(result, cohort, tmp_path / "readings")
    assert list(shown.pictures) == ["c1"] and shown.readings["c1"]["case_id"] == "c1"
    assert list(shown.pictures["c1"].maps) == [("dce", "gradcam++")]
    assert any("c2: no picture. The cohort has no case 'c2'" in sentence for sentence in shown.missing)
