"""What training refuses: settings, cohorts and folders with which it could not end well."""

import dataclasses

import numpy as np
import pytest
from safetensors.torch import save_file

from BreastFusionLib.errors import InputError
from BreastFusionLib.models.small import small_body
from BreastFusionLib.training import train, train_seeds


def test_a_column_that_is_the_label_is_refused_before_any_work(cohort, tmp_path, tiny_recipe):
    leaking = dataclasses.replace(cohort, table=cohort.table.assign(size=5.0 + 2 * cohort.table["label"].astype(float)))
    with pytest.raises(
        InputError, match=r"column 'size' is the label in other words \(correlation 1\.000, AUC 1\.000\)"
    ):
        train(tiny_recipe(), leaking, tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()


def test_one_class_only_is_refused_before_anything_is_written(cohort, tmp_path, tiny_recipe):
    table = cohort.table[cohort.table["label"] == 1]
    with pytest.raises(InputError, match="The cohort has only label 1"):
        train(tiny_recipe(), dataclasses.replace(cohort, table=table), tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()
    split = np.where(cohort.table["label"] == 1, "train", "validation")
    split[:4] = "train"
    with pytest.raises(InputError, match="The validation split has only label 0"):
        train(tiny_recipe(), dataclasses.replace(cohort, table=cohort.table.assign(split=split)), tmp_path / "run")


def test_a_cohort_that_is_too_small_to_be_divided_is_told_so(cohort, tmp_path, tiny_recipe):
    few = dataclasses.replace(cohort, table=cohort.table.head(5))
    words = r"too few patients \(\d benign and \d malignant\) for shares of 0\.7, 0\.1, 0\.2 .* three patients of each"
    for begin in (train, train_seeds):
        with pytest.raises(InputError, match=words):
            begin(tiny_recipe(), few, tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ({"encoder": {"name": "resnet51"}}, "no encoder 'resnet51'"),
        ({"encoder": {"name": "small", "weights": "nowhere.safetensors"}}, "no such weights file"),
        ({"fusion": "add", "towers": {"dce": [4], "t1": [4], "clinical": [8]}}, "their lengths differ"),
    ],
)
def test_a_network_that_cannot_be_built_is_told_before_any_work(cohort, tmp_path, tiny_recipe, model, words):
    with pytest.raises(InputError, match=words):
        train(tiny_recipe(model=model), cohort, tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists() and not (cohort.folder / "cache").exists()


def test_other_settings_in_the_same_folder_are_refused(cohort, tmp_path, tiny_recipe):
    train(tiny_recipe(), cohort, tmp_path / "run", device="cpu")
    with pytest.raises(InputError, match=r"other settings: recipe\.training\.epochs was 4, is now 5"):
        train(tiny_recipe({"epochs": 5}), cohort, tmp_path / "run", device="cpu")
    smaller = dataclasses.replace(cohort, table=cohort.table.head(30))
    with pytest.raises(InputError, match=r"other settings: cohort was .* \(a hash of the table's cases, patients"):
        train(tiny_recipe(), smaller, tmp_path / "run", device="cpu")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").touch()
    with pytest.raises(InputError, match="holds something else, and not a run: choose another"):
        train(tiny_recipe(), cohort, tmp_path / "other", device="cpu")


def test_a_case_that_changed_since_the_run_began_is_refused(cohort, tmp_path, tiny_recipe, stopping_at):
    with pytest.raises(KeyboardInterrupt):
        train(tiny_recipe(), cohort, tmp_path / "run", device="cpu", epoch_progress=stopping_at(1))
    (cohort.folder / "c05.nii.gz").write_text("broken")
    with pytest.raises(InputError, match="other settings: inputs was"):
        train(tiny_recipe(), cohort, tmp_path / "run", device="cpu")


@pytest.mark.parametrize("of_seeds", [False, True], ids=["a run", "runs of seeds"])
def test_weights_of_an_encoder_that_changed_since_the_run_began_are_refused(
    cohort, tmp_path, tiny_recipe, frozen_encoder, stopping_at, of_seeds
):
    recipe, begin = tiny_recipe({"epochs": 2}, frozen_encoder), train_seeds if of_seeds else train
    with pytest.raises(KeyboardInterrupt):
        begin(recipe, cohort, tmp_path / "run", device="cpu", epoch_progress=stopping_at(1))
    save_file(small_body().state_dict(), frozen_encoder["encoder"]["weights"])
    with pytest.raises(InputError, match=r"other settings: encoder_weights\..*encoder\.safetensors was"):
        begin(recipe, cohort, tmp_path / "run", device="cpu")


def test_two_programs_do_not_train_into_one_folder(cohort, tmp_path, tiny_recipe):
    """Whoever comes second would delete the first one's checkpoints, or have its own deleted."""
    pytest.importorskip("fcntl", reason="Windows has no such lock")
    refused = []

    def another_program(done: int, total: int) -> None:
        with pytest.raises(InputError, match=r"Another program is training into .*seed_0") as caught:
            train(tiny_recipe(), cohort, tmp_path / "seeds" / "seed_0", device="cpu")
        with pytest.raises(InputError, match=r"Another program is training into .*seeds\. Wait until it ends"):
            train_seeds(tiny_recipe(), cohort, tmp_path / "seeds", 1, device="cpu")
        refused.append(caught.value)

    train_seeds(tiny_recipe(), cohort, tmp_path / "seeds", 1, device="cpu", epoch_progress=another_program)
    assert len(refused) == 4
    train_seeds(tiny_recipe(), cohort, tmp_path / "seeds", 1, device="cpu")
