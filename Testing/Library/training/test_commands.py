"""Several seeds and cross-validation as commands, in this process, on the drawn cohort."""

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from BreastFusionLib.cli.app import app
from BreastFusionLib.errors import InputError

pytestmark = pytest.mark.usefixtures("without_curves")


@pytest.fixture
def recipe(tiny_recipe, tmp_path) -> Path:
    """A recipe of two clinical columns, in a file."""
    resolved = tiny_recipe({"epochs": 1}).changed({"inputs.patch": None, "model.encoder": None}).resolved()
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(resolved))
    return path


@pytest.fixture
def breastfusion(recipe, cohort, tmp_path):
    """Run a command on recipe, cohort and the folder `out`; bad input is raised."""
    table = pd.read_csv(cohort.folder / "cohort.csv").assign(site=["north"] * 30 + ["south"] * 10)
    table.to_csv(cohort.folder / "sites.csv", index=False)

    def run(command: str, *arguments: str, table: str = "sites.csv") -> str:
        places = [str(recipe), "--cohort", str(cohort.folder / table), "--out", str(tmp_path / "out")]
        return CliRunner().invoke(app, [command, *places, *arguments], catch_exceptions=False).stdout

    return run


def test_a_dry_run_says_what_would_be_trained_and_writes_nothing(breastfusion, tmp_path, capfd):
    arguments = ["--leave-site-out", "--dry-run"]
    arguments += ["--tune", "training.learning_rate=0.001,1e-4,0.1", "--tune", "training.batch_size=4, 8"]
    words = breastfusion("cross-validate", *arguments).splitlines()
    # 15 patients of each class in the north: one of eight finds the best epoch.
    assert words[1] == (
        "repeat_1, fold south: 26 training (13 positive), 4 validation (2 positive), 10 test (5 positive) cases"
    )
    assert words[3] == "candidate 2: training.learning_rate=0.001, training.batch_size=8"
    assert words[-1] == (
        "38 runs of tiny, at most 38 epochs in all, 6 candidates compared on 3 inner folds of each fold's training "
        "patients."
    )
    assert not (tmp_path / "out").exists()
    capfd.readouterr()
    breastfusion("cross-validate", *arguments, "--json")
    plan = json.loads(capfd.readouterr().out)
    assert plan["runs"] == 2 * (1 + 6 * 3)
    assert plan["candidates"][1] == {"training.learning_rate": 0.001, "training.batch_size": 8}


def test_a_cross_validation_tells_its_figures_and_leaves_what_evaluate_takes(breastfusion, tmp_path, capfd):
    breastfusion("cross-validate", "--folds", "2", "--set", "training.learning_rate=0.1", "--json")
    found = json.loads(capfd.readouterr().out)
    assert found == json.loads((tmp_path / "out" / "summary.json").read_text())
    assert found["folds"] == 2
    used = json.loads((tmp_path / "out" / "repeat_1" / "fold_1" / "recipe.json").read_text())
    assert used["training"]["learning_rate"] == 0.1
    told = CliRunner().invoke(
        app,
        ["evaluate", str(tmp_path / "out" / "predictions.csv"), "--bootstrap", "20", "--json"],
        catch_exceptions=False,
    )
    assert told.exit_code == 0
    (run,) = json.loads(capfd.readouterr().out)["models"]["predictions"]["runs"]["folds"].values()
    assert run["spread"]["mean"]["value"] == pytest.approx(found["mean_auc"]["mean"]["value"])


def test_seeds_leave_a_run_each_and_their_ensemble(breastfusion, tmp_path):
    breastfusion("train", "--seeds", "2")
    assert pd.read_csv(tmp_path / "out" / "runs.csv")["seed"].tolist() == [0, 1]
    assert len(pd.read_csv(tmp_path / "out" / "predictions_ensemble.csv")) == 40
    assert (tmp_path / "out" / "seed_1" / "bundle" / "metadata.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--tune", "training.learning_rat=1"], "Did you mean 'learning_rate'"),
        (["--tune", "training.learning_rate="], "'training.learning_rate' has no values"),
        (["--tune", "training.learning_rate"], "expected each key once, with its values"),
        (["--tune", "training.epochs=1", "--tune", "training.epochs=2"], "expected each key once, with its values"),
        (["--tune", "training.learning_rate=[1"], "not readable as YAML"),
        (["--folds", "24"], "fewer than 24 folds"),
        (["--leave-site-out"], "every case needs a 'site'"),
    ],
)
def test_bad_input_is_a_sentence(breastfusion, tmp_path, arguments, words):
    for dry in ([], ["--dry-run"]):
        with pytest.raises(InputError, match=words):
            breastfusion("cross-validate", *arguments, *dry, table="cohort.csv")
    assert not (tmp_path / "out").exists()


@pytest.fixture
def in_words(recipe, cohort) -> pd.Series:
    """Let the recipe count its classes the other way round, and the table name them; case_id -> word."""
    settings = yaml.safe_load(recipe.read_text())
    settings["task"]["classes"] = ["malignant", "benign"]
    recipe.write_text(yaml.safe_dump(settings))
    table = pd.read_csv(cohort.folder / "cohort.csv").replace({"label": {0: "benign", 1: "malignant"}})
    table.to_csv(cohort.folder / "words.csv", index=False)
    return table.set_index("case_id")["label"]


def test_a_label_in_words_is_the_recipes_class_of_that_name(breastfusion, cohort, in_words, tmp_path):
    breastfusion("train", table="words.csv")
    trained = pd.read_csv(tmp_path / "out" / "predictions.csv").set_index("case_id")
    assert (trained["label"] == (in_words == "malignant")).all()
    places = {
        "bundle": tmp_path / "out" / "bundle",
        "cohort": cohort.folder / "words.csv",
        "out": tmp_path / "applied.csv",
    }
    arguments = [word for name, path in places.items() for word in (f"--{name}", str(path))]
    CliRunner().invoke(app, ["apply", *arguments], catch_exceptions=False)
    assert (pd.read_csv(tmp_path / "applied.csv").set_index("case_id")["label"] == trained["label"]).all()


def test_a_cross_validation_counts_the_recipes_positive_class(breastfusion, cohort, in_words):
    # 8 benign patients and 20 malignant ones.
    table = pd.read_csv(cohort.folder / "words.csv").iloc[list(range(0, 16, 2)) + list(range(1, 40, 2))]
    table.to_csv(cohort.folder / "words.csv", index=False)
    plan = breastfusion("cross-validate", "--folds", "2", "--dry-run", table="words.csv")
    assert "14 test (10 positive) cases" in plan


def test_a_run_that_was_finished_before_says_that_it_looked_at_nothing(recipe, cohort, tmp_path):
    arguments = ["train", str(recipe), "--cohort", str(cohort.folder / "cohort.csv"), "--out", str(tmp_path / "out")]
    first, again = (CliRunner().invoke(app, arguments, catch_exceptions=False).stderr for _ in range(2))
    assert "finished before" not in first
    assert "out was finished before, so that nothing was trained" in again.replace("\n", " ")
