"""Whole pages: well formed, self-contained, with the numbers that went in."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from BreastFusionLib.lesion.model import Lesion
from BreastFusionLib.report import (
    DemoStory,
    LesionPictures,
    demo_html,
    evaluation_html,
    reading_html,
    write_evaluation_page,
    write_reading_page,
)


def text_of(document: str) -> str:
    """Check that a page is well formed and loads nothing, and return its words."""
    root = ElementTree.fromstring(document.removeprefix("<!DOCTYPE html>"))
    for node in root.iter():
        for key in ("src", "href", "data", "srcset"):
            target = node.attrib.get(key, "#")
            assert target.startswith(("#", "data:image/png;base64,")), target
    assert not re.search(r"@import|url\((?!#)", document)
    assert not list(root.iter("script")) and not list(root.iter("link"))
    words = " ".join(" ".join(root.find("body").itertext()).split())  # type: ignore[union-attr]
    assert "Research use only. Not a medical device." in words
    return words


def test_reading_page_tells_the_reading(reading: dict[str, Any], pictures: LesionPictures) -> None:
    words = text_of(reading_html(reading, pictures))
    shown = """Reading of ball|Probability of malignancy|0.87|threshold 0.21|DCE alone|0.81|2.14 cm³|16.2 mm
        wash-out (-20 %)|+200 %, fast|0.6031|dce_shape_Sphericity|+0.91|99 %|1,072|one cell is 15 × 15 mm
        wash-out in 77 % of the lesion|The T1 series was taken after contrast.|somewhere 3|0.97 s|demo 1"""
    for expected in re.split(r"\||\n +", shown):
        assert expected in words, expected


def test_weights_of_sources_are_named_the_heaviest_first(reading: dict[str, Any], pictures: LesionPictures) -> None:
    assert "Weight of each source" not in text_of(reading_html(reading, pictures))
    sources = {**reading["sources"], "weights": {"t1": 0.18, "dce": 0.82}}
    words = text_of(reading_html({**reading, "sources": sources}, pictures))
    assert "Weight of each source: DCE 82 %, T1 18 %" in words


def test_clinical_columns_stand_in_words_and_with_their_unit(reading: dict[str, Any], pictures: LesionPictures) -> None:
    about = {"source": "clinical", "origin": "table", "standardised": None, "training_percentile": None}
    rows = [
        {**about, "name": "bpe", "value": "marked", "title": "BPE", "unit": "", "contribution": 0.7},
        {**about, "name": "age", "value": 61.0, "title": "Age", "unit": "years", "contribution": 0.2},
        {**about, "name": "risk", "value": None, "title": "Risk", "unit": "%", "contribution": 0.1},
    ]
    words = text_of(reading_html({**reading, "features": rows}, pictures))
    assert "BPE clinical data marked" in words and "Age clinical data 61 years" in words
    assert "Risk clinical data – " in words


def test_a_synthetic_model_gives_words_instead_of_a_number(reading: dict[str, Any], pictures: LesionPictures) -> None:
    statement = "Demo model: its score has no meaning for this patient"
    rows = [{"source": "radiomics", "name": "dce_shape_Sphericity", "value": 0.6031}]
    nothing = {"probability": None, "class": None, "threshold": None, "parts": {}, "why": [], "in_distribution": False}
    words = text_of(reading_html(reading | nothing | {"statement": statement, "features": rows}, pictures))
    assert statement in words and "0.6031" in words and "wash-out (-20 %)" in words
    assert not re.search(r"threshold|alone|Percentile|Why:|Probability", words)


def test_warnings_and_one_phase_are_said(made_up: SimpleNamespace) -> None:
    exam, masks = made_up.exam(phases=1, t2=False)
    said = ["T2 missing: the model used its neutral value."]
    reading = made_up.reading(masks) | {"kinetics": None, "maps": [], "features": [], "warnings": said}
    words = text_of(reading_html(reading, LesionPictures(exam, masks, {}, {})))
    assert "T2 missing: the model used its neutral value." in words
    assert "do not give a time-intensity curve" in words


def test_a_case_unlike_the_training_cases_is_greyed(reading: dict[str, Any], pictures: LesionPictures) -> None:
    assert 'class="greyed"' not in reading_html(reading, pictures)
    assert 'class="greyed"' in reading_html(reading | {"in_distribution": False}, pictures)


def test_reading_page_is_written_from_the_readings_folder(
    reading: dict[str, Any], pictures: LesionPictures, tmp_path: Path
) -> None:
    for row in reading["maps"]:
        sitk.WriteImage(pictures.maps[row["sequence"], row["method"]], str(tmp_path / row["file"]))
    for name, mask in pictures.masks.items():
        sitk.WriteImage(mask, str(tmp_path / f"lesion_{name}.nii.gz"))
    path = write_reading_page(reading, pictures.exam, Lesion(pictures.masks["dce"]), tmp_path)
    assert path == tmp_path / "report.html"
    # The file carries no more precision than the page shows.
    assert path.read_text(encoding="utf-8") == reading_html(reading, pictures)


def test_names_from_files_are_escaped(reading: dict[str, Any], pictures: LesionPictures) -> None:
    document = reading_html(reading | {"case_id": "<b>x", "warnings": ["<i>"], "why": ["<u>"]}, pictures)
    assert not re.search(r"<b>x|<i>(?!<)|<u>", document)
    assert "Reading of <b>x" in text_of(document)


def test_evaluation_page_holds_every_number(evaluation: dict[str, Any], tmp_path: Path) -> None:
    path = write_evaluation_page(evaluation, tmp_path)
    words = text_of(path.read_text(encoding="utf-8"))
    for name, model in evaluation["models"].items():
        found, sensitivity = model["auc_delong"], model["sensitivity"]
        assert f"{name} {found['value']:.3f} [{found['low']:.3f}, {found['high']:.3f}]" in words
        assert f"{100 * sensitivity['value']:.1f} % [{100 * sensitivity['low']:.1f}, " in words
        assert f"{model['confusion']['tp']}" in words
    (test,) = evaluation["comparisons"]
    assert f"{test['delta_auc']:+.3f} [{test['low']:.3f}, {test['high']:.3f}]".replace("-", "−") in words
    assert "2 models on 60 cases, 30 of them positive (50.0 %)" in words
    assert json.loads((tmp_path / "evaluation.json").read_text())["models"].keys() == evaluation["models"].keys()


def test_one_model_has_no_differences(evaluation: dict[str, Any]) -> None:
    alone = evaluation | {"models": {"T1": evaluation["models"]["T1"]}, "comparisons": [], "notes": ["A note <here>."]}
    words = text_of(evaluation_html(alone))
    assert "1 model on 60 cases" in words and "A note <here>." in words
    assert "Differences" not in words


@pytest.mark.parametrize("ideal_sources", [(), ("shape_texture", "kinetics")])
def test_demo_page_tells_the_whole_story(
    reading: dict[str, Any], pictures: LesionPictures, evaluation: dict[str, Any], ideal_sources: tuple[str, ...]
) -> None:
    ideal = {"models": dict.fromkeys(("all", *ideal_sources), evaluation["models"]["Fusion"])}
    log = [{"epoch": n, "train_loss": 1 / (n + 1), "validation_loss": 1.2 / (n + 1)} for n in range(3)]
    story = DemoStory(
        cohort={"exams": 300, "positives": 150, "train": 210, "validation": 30, "test": 60},
        evaluation=evaluation, ideal=ideal, training={"T1": log}, reading=reading, pictures=pictures,
        truth="malignant", seconds={"phantom": 60.0, "training": 150.0},
    )  # fmt: skip
    words = text_of(demo_html(story))
    shown = """300|210 / 30 / 60|3.5 min|Ideal observer|breastfusion train fusion|The truth: malignant
        Every exam on this page is a phantom|Right and wrong decisions|Probability of malignancy
        one cell is 15 × 15 mm"""
    for expected in re.split(r"\||\n +", shown):
        assert expected in words, expected
    assert ("Shape and texture" in words) == bool(ideal_sources)
    assert np.isfinite(evaluation["models"]["Fusion"]["auc"]["value"])
