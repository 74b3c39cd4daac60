"""Reading recipes: inheritance, overrides, and sentences for what is wrong."""

import json
from pathlib import Path

import pytest

from BreastFusionLib.errors import InputError
from BreastFusionLib.reading.recipe import ReadingRecipe
from BreastFusionLib.training import load_recipe
from BreastFusionLib.training.recipe import Recipe


def test_a_resolved_recipe_goes_through_json_and_is_what_a_bundle_reads():
    recipe = load_recipe("fusion")
    mapping = json.loads(json.dumps(recipe.resolved()))
    assert Recipe.from_mapping(mapping, "there") == recipe
    assert ReadingRecipe.from_mapping(mapping, "there") == recipe.reading


def test_overrides_are_yaml_and_merge_into_their_section():
    recipe = load_recipe(
        "fusion", ["training.epochs=3", "inputs.radiomics=null", "model.head=[16, 8]", "inputs.patch.size_px=32"]
    )
    assert recipe.training.epochs == 3
    assert recipe.training.batch_size == 30
    assert recipe.inputs.radiomics is None
    assert recipe.model.head == (16, 8)
    assert (recipe.inputs.patch.size_px, recipe.inputs.patch.size_mm) == (32, 64)


def test_a_section_set_to_null_is_gone():
    recipe = load_recipe("fusion", ["inputs.patch=null", "model.encoder=null"])
    assert recipe.inputs.sources == ("radiomics", "kinetics")


def test_a_source_is_switched_off_with_its_tower():
    recipe = load_recipe("fusion-learned", ["inputs.kinetics=false", "model.towers.kinetics=null"])
    assert set(recipe.model.towers) == set(recipe.inputs.sources) == {"dce", "t1", "t2", "radiomics"}


def test_a_file_extends_a_recipe_of_the_library_or_one_beside_it(tmp_path: Path):
    (tmp_path / "base.yaml").write_text("extends: demo\ntraining: {epochs: 7, batch_size: 5}\n")
    (tmp_path / "mine.yaml").write_text("extends: base.yaml\ntraining: {epochs: 9}\n")
    recipe = load_recipe(tmp_path / "mine.yaml")
    assert (recipe.name, recipe.training.epochs, recipe.training.batch_size) == ("mine", 9, 5)
    assert recipe.inputs == load_recipe("demo").inputs


def test_a_circle_of_recipes_is_told(tmp_path):
    (tmp_path / "a.yaml").write_text("extends: b.yaml\n")
    (tmp_path / "b.yaml").write_text("extends: a.yaml\n")
    with pytest.raises(InputError, match=r"a.yaml extends itself, by way of a.yaml and b.yaml"):
        load_recipe(tmp_path / "a.yaml")


@pytest.mark.parametrize(
    ("name", "override", "words"),
    [
        ("fusoin", "", "no recipe 'fusoin'. Did you mean 'fusion'"),
        ("nowhere.yaml", "", "nowhere.yaml does not exist"),
        ("fusion", "traning.epochs=2", "unknown key 'traning'. Did you mean 'training'"),
        ("fusion", "training.epoch=2", "training: unknown key 'epoch'. Did you mean 'epochs'"),
        (
            "fusion",
            "training.augmentation.flip_v=1",
            "augmentation: unknown key 'flip_v'. Did you mean 'flip_vertical'",
        ),
        ("fusion", "inputs.patch.sizepx=3", "inputs, patch: unknown key 'sizepx'. Did you mean 'size_px'"),
        ("fusion", "inputs.sequences=[t3]", "'t3' is no sequence"),
        ("fusion", "training.batch_size=0", "training, batch_size: 0 should be greater than or equal to 1"),
        ("fusion", "training.seed=-1", "training, seed: -1 should be greater than or equal to 0"),
        ("fusion", "training.seed=4294967296", "training, seed: 4294967296 should be less than 4294967296"),
        ("fusion", "training.epochs=2.5", "training, epochs: 2.5 should be a valid integer"),
        ("fusion", "training.optimiser=sdg", "'sdg' should be 'sgd' or 'adam'"),
        ("fusion", "training=3", "training: expected a mapping of settings, found 3"),
        ("fusion", "training.fractions=[.5, .1, .1]", "do not add up to 1"),
        ("fusion", "training.fractions=[.7, .3]", r"training, fractions: \[0.7, 0.3\] lacks value 3"),
        ("fusion", "model.encoder=null", "dce, t1, t2 need an encoder"),
        ("fusion", "model.towers={dec: [8]}", r"towers: 'dec' is no source of this recipe. Did you mean 'dce'\?"),
        (
            "fusion",
            "model.towers={clinical: [8]}",
            "'clinical' is no source .* Known: dce, kinetics, radiomics, t1, t2",
        ),
        ("fusion-learned", "inputs.kinetics=false", r"'kinetics' is no source of this recipe.*\(null where"),
        ("fusion", "model.head=[8, dorp]", "head: expected int or 'drop', found 'dorp'"),
        ("fusion", "training.epochs", "an override is written section.key=value"),
        ("fusion", "training.epochs=[1", "not readable as YAML"),
        ("fusion", "task.classes=[a, b, c]", "two classes are expected|the positive class"),
    ],
)
def test_what_is_wrong_is_said_with_the_nearest_known_name(name, override, words):
    with pytest.raises(InputError, match=words):
        load_recipe(name, [override] if override else [])


@pytest.mark.parametrize("text", ["a: [", "- only\n- a list\n", ""])
def test_a_file_that_is_no_recipe_is_refused(tmp_path, text):
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(InputError, match=r"bad\.yaml"):
        load_recipe(tmp_path / "bad.yaml")


def test_yaml_runs_no_code(tmp_path):
    (tmp_path / "evil.yaml").write_text("name: !!python/object/apply:os.getcwd []\n")
    with pytest.raises(InputError, match="not readable as YAML"):
        load_recipe(tmp_path / "evil.yaml")


@pytest.mark.parametrize("parent", ["3", "[demo, fusion]", "{name: demo}"])
def test_what_a_recipe_extends_is_one_name(tmp_path: Path, parent):
    (tmp_path / "mine.yaml").write_text(f"extends: {parent}\n")
    with pytest.raises(InputError, match=r"mine\.yaml: extends must be the name or the file of one recipe, found"):
        load_recipe(tmp_path / "mine.yaml")
