"""breastfusion predict with a model of whole breasts: a side stands for a mask."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from BreastFusionLib.cli.app import app
from BreastFusionLib.exam import write_exam
from BreastFusionLib.phantom import make_exam
from BreastFusionLib.reading import Case
from BreastFusionLib.service.second_opinion import write_untrained_bundle

RECIPE = {
    "name": "breast",
    "task": {"unit": "breast"},
    "inputs": {"patch": None, "projection": {"size_px": 32}, "clinical": [{"name": "left_breast", "origin": "exam"}]},
    "model": {"encoder": {"name": "small", "weights": "none", "frozen": False}},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("breast")
    made = make_exam(0, 1, small=True)
    write_exam(made.exam, target / "exam", {"L1": made.lesion.mask})
    write_untrained_bundle(target / "bundle", Case(made.exam, None, side="left"), RECIPE)
    return target


def predict(folder: Path, *more: str) -> tuple[int, dict, str]:
    where = ["--bundle", str(folder / "bundle"), "--exam", str(folder / "exam"), "--out", str(folder / "out")]
    done = CliRunner().invoke(app, ["predict", *where, "--device", "cpu", *more])
    read = json.loads((folder / "out" / "reading.json").read_text(encoding="utf-8")) if done.exit_code == 0 else {}
    return done.exit_code, read, str(done.exception)


def test_each_breast_is_read_by_its_side(folder: Path) -> None:
    read = {side: predict(folder, "--side", side)[1] for side in ("L", "right")}
    assert (read["L"]["side"], read["right"]["side"]) == ("left", "right")
    assert read["L"]["lesion"] is None and read["L"]["probability"] != read["right"]["probability"]
    page = (folder / "out" / "report.html").read_text(encoding="utf-8")
    assert "The right breast of one phantom" in page and "The whole breast" in page
    assert "The lesion on every sequence" not in page and "Contrast over time" not in page


def test_a_mask_tells_the_side_too_and_is_shown(folder: Path) -> None:
    _, read, _ = predict(folder, "--lesion", str(folder / "exam" / "lesions" / "L1.nii.gz"))
    assert read["side"] == "left" and read["lesion"]["volume_mm3"] > 0 and read["kinetics"] is not None
    page = (folder / "out" / "report.html").read_text(encoding="utf-8")
    assert "The whole breast" in page and "shadow" in page and "Contrast over time" in page


def test_a_side_that_the_mask_contradicts_is_believed_and_told(folder: Path) -> None:
    _, read, _ = predict(folder, "--lesion", str(folder / "exam" / "lesions" / "L1.nii.gz"), "--side", "R")
    assert read["side"] == read["lesion"]["side"] == "right"
    assert any(
        said.startswith("The lesion lies in the left breast by the images, and is said to lie in the right one")
        for said in read["warnings"]
    )
    _, read, _ = predict(folder, "--lesion", str(folder / "exam" / "lesions" / "L1.nii.gz"), "--side", "L")
    assert not any("by the images" in said for said in read["warnings"])


def test_without_either_it_says_what_to_give(folder: Path) -> None:
    code, _, reason = predict(folder)
    assert code != 0 and "Which breast is meant is not known" in reason and "--side" in reason


def test_a_column_that_the_model_does_not_know_is_told(folder: Path) -> None:
    (folder / "row.json").write_text('{"agee": 52}', encoding="utf-8")
    where = ["--bundle", folder / "bundle", "--exam", folder / "exam", "--out", folder / "out", "--side", "L"]
    done = CliRunner().invoke(app, ["predict", *map(str, where), "--clinical", str(folder / "row.json")])
    assert done.exit_code == 0 and "Probability of" in done.stdout and "Sources used: MIP, clinical data" in done.stdout
    assert "the model has no column 'agee'" in " ".join(done.stderr.split())


def test_a_gated_model_says_how_much_each_source_counted(folder: Path) -> None:
    made = make_exam(0, 1, small=True)
    towers = {"mip": [4], "clinical": [4]}
    recipe = {**RECIPE, "model": {**RECIPE["model"], "fusion": "gated", "towers": towers}}
    write_untrained_bundle(folder / "gated", Case(made.exam, None, side="left"), recipe)
    where = ["--bundle", folder / "gated", "--exam", folder / "exam", "--out", folder / "out", "--side", "L"]
    done = CliRunner().invoke(app, ["predict", *map(str, where), "--device", "cpu"])
    found = re.search(r"Sources used, with their weights: (.+) (\d+) %, (.+) (\d+) %\n", done.stdout)
    assert {found[1], found[3]} == {"MIP", "clinical data"}
    assert int(found[2]) >= int(found[4]) and int(found[2]) + int(found[4]) in (99, 100, 101)
