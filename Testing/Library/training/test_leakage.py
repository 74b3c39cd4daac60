"""The same image on both sides of a split is refused before training, and images are looked at once for all runs."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from BreastFusionLib.cohort import inputs
from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Grid
from BreastFusionLib.images.patches import Patch
from BreastFusionLib.reading.cache import save_inputs
from BreastFusionLib.training import cross_validate, leakage, train, train_seeds
from BreastFusionLib.training.recipe import Recipe

pytestmark = pytest.mark.usefixtures("without_curves")
SPLIT = ["train"] * 28 + ["validation"] * 4 + ["test"] * 8


@pytest.fixture
def divided(cohort):
    return dataclasses.replace(cohort, table=cohort.table.assign(split=SPLIT))


@pytest.fixture
def copied(monkeypatch, draw_inputs):
    """Case c33 shows the images of c03, brighter."""

    def prepare(task):
        drawn = draw_inputs(task.row["case_id"], float(task.row["age"]))
        if drawn.case_id == "c33":
            shown = draw_inputs("c03", 0.0).patches
            shown = {name: dataclasses.replace(p, pixels=3 * p.pixels + 1) for name, p in shown.items()}
            drawn = dataclasses.replace(drawn, patches=shown)
        return save_inputs(drawn, task.cache / f"{drawn.case_id}-copied.safetensors")

    monkeypatch.setattr(inputs, "prepare_to_cache", prepare)


@pytest.fixture
def looked_at(monkeypatch) -> list[int]:
    """How many images were looked at, call by call."""
    counts: list[int] = []
    signatures = leakage.image_signatures
    monkeypatch.setattr(leakage, "image_signatures", lambda pixels: counts.append(len(pixels)) or signatures(pixels))
    return counts


def test_a_copy_across_splits_is_refused_before_training_and_may_be_ignored(divided, tmp_path, tiny_recipe, copied):
    with pytest.raises(InputError, match=r"'c03' \(train\) and 'c33' \(test\) show the same image"):
        train(tiny_recipe(), divided, tmp_path / "run", device="cpu")
    assert not (tmp_path / "run" / "log.csv").exists()
    assert train(tiny_recipe({"leakage": "ignore", "epochs": 1}), divided, tmp_path / "ignored", device="cpu").finished


def test_a_copy_within_a_split_is_no_leak_but_would_be_one_in_some_fold(divided, tmp_path, tiny_recipe, copied):
    split = ["train" if case == "c33" else split for case, split in zip(divided.table["case_id"], SPLIT, strict=True)]
    together = dataclasses.replace(divided, table=divided.table.assign(split=split))
    recipe = tiny_recipe({"epochs": 1})
    assert train(recipe, together, tmp_path / "run", device="cpu").finished
    with pytest.raises(InputError, match=r"'c03' .*'c33' .* show the same image"):
        cross_validate(recipe, together, tmp_path / "cv", device="cpu")
    assert not (tmp_path / "cv" / "repeat_1").exists()
    patients = together.table["patient_id"].replace("c33", "c03")
    one = dataclasses.replace(together, table=together.table.assign(patient_id=patients))
    assert len(pd.read_csv(cross_validate(recipe, one, tmp_path / "one", folds=2, device="cpu").predictions)) == 40


@pytest.mark.parametrize("size_px", [39, 40])
def test_projections_too_small_to_tell_breasts_apart_are_left_out_with_a_sentence(
    tmp_path, tiny_recipe, draw_inputs, caplog, size_px
):
    mapping = tiny_recipe().resolved()
    projection = {"size_px": size_px}
    mapping["inputs"] = {"patch": None, "projection": projection, "clinical": mapping["inputs"]["clinical"]}
    recipe = Recipe.from_mapping({**mapping, "task": {"unit": "breast"}}, "projections")
    pixels = np.random.default_rng(0).random((1, size_px, size_px)).astype(np.float32)
    patch = Patch(pixels, Grid((size_px, size_px, 1), (4.0, 4.0, 100.0)))
    drawn = [dataclasses.replace(draw_inputs(name, 50.0), patches={"mip": patch}) for name in ("c01", "c02")]
    paths = [save_inputs(one, tmp_path / f"{one.case_id}.safetensors") for one in drawn]
    columns = {"case_id": ["c01", "c02"], "patient_id": ["c01", "c02"], "split": ["train", "test"]}
    table = pd.DataFrame({**columns, "path": list(map(str, paths))})
    if size_px < 40:
        leakage.refuse_same_images(table, recipe, paths)
        assert "was not looked at: under 40 pixels those of different breasts" in caplog.text
    else:
        with pytest.raises(InputError, match="show the same image"):
            leakage.refuse_same_images(table, recipe, paths)
        assert not caplog.records


def test_images_are_looked_at_once_for_all_seeds_and_folds(cohort, tmp_path, tiny_recipe, looked_at):
    recipe = tiny_recipe({"epochs": 1})
    train_seeds(recipe, cohort, tmp_path / "seeds", seeds=2, device="cpu")
    assert looked_at == [40, 40]  # DCE and T1
    tune = {"training.learning_rate": [0.01]}
    cross_validate(recipe, cohort, tmp_path / "cv", folds=2, tune=tune, inner_folds=2, device="cpu")
    assert looked_at == [40, 40]
    packed = cohort.folder / "cache" / "packed"
    assert len(list(packed.glob("*.npy"))) == 4  # two packed files, which hold all cases, and what is known of each


def test_what_is_known_of_images_is_found_again_when_its_file_was_cut_short(cohort, tmp_path, tiny_recipe, looked_at):
    train(tiny_recipe({"epochs": 1}), cohort, tmp_path / "a", device="cpu")
    for path in (cohort.folder / "cache" / "packed").glob("*signatures*"):
        path.write_bytes(path.read_bytes()[:1000])
    train(tiny_recipe({"epochs": 1}), cohort, tmp_path / "b", device="cpu")
    assert looked_at == [40] * 4
