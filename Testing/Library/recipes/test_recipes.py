"""The recipes that come with the library: they load, and say what their papers say."""

import numpy as np
import pytest
import yaml

from BreastFusionLib.training import load_recipe, recipe_names
from BreastFusionLib.training.module import learning_rate
from BreastFusionLib.training.recipe import RECIPES

WANG = ("wang2024-t1", "wang2024-t2", "wang2024-dce", "wang2024-dce-t1-t2", "wang2024-dce-t1-t2-rad")
DEMO = ("demo-t1", "demo-t2", "demo-dce", "demo-dce-t1-t2", "demo-dce-t1-t2-rad", "demo")


def test_all_recipes_are_there_and_load_under_their_own_names():
    own = {*WANG, *DEMO, "fusion", "fusion-learned", "fusion-gated"}
    assert own == {name for name in recipe_names() if not name.startswith("holste2021-")}
    for name in recipe_names():
        assert load_recipe(name).name == name
        assert yaml.safe_load((RECIPES / f"{name}.yaml").read_text())["description"]


@pytest.mark.parametrize("family", ["wang2024", "demo"])
def test_a_family_adds_one_source_after_the_other(family):
    sources = {
        "-t1": ("t1",),
        "-t2": ("t2",),
        "-dce": ("dce",),
        "-dce-t1-t2": ("dce", "t1", "t2"),
        "-dce-t1-t2-rad": ("dce", "t1", "t2", "radiomics"),
    }
    for ending, expected in sources.items():
        assert load_recipe(family + ending).inputs.sources == expected
    assert load_recipe("fusion").inputs.sources == (*sources["-dce-t1-t2-rad"], "kinetics")
    assert load_recipe("demo").inputs.sources == load_recipe("fusion").inputs.sources


@pytest.mark.parametrize("name", WANG)
def test_wang2024_is_trained_as_section_2_6_says(name):
    recipe = load_recipe(name)
    patch, encoder, training = recipe.inputs.patch, recipe.model.encoder, recipe.training
    assert (patch.size_px, patch.size_mm, patch.slices, patch.slice_step_mm) == (224, None, 3, None)
    assert (patch.intensity.method, patch.intensity.low, patch.intensity.high) == ("clip_minmax_mean", 0, 1500)
    assert recipe.inputs.dce_phase == 2
    assert (encoder.name, encoder.weights, encoder.frozen, encoder.shared) == ("resnet50", "imagenet", True, True)
    assert (recipe.model.head, recipe.model.dropout, recipe.model.auxiliary_heads) == ((), 0, False)
    assert (training.optimiser, training.momentum, training.weight_decay) == ("sgd", 0.9, 5e-4)
    assert (training.batch_size, training.epochs, training.fractions) == (30, 100, (0.7, 0.1, 0.2))
    augmentation = training.augmentation
    assert (augmentation.flip_horizontal, augmentation.flip_vertical, augmentation.rotation_degrees) == (0.5, 0.5, 10)
    rates = [learning_rate(training, epoch) for epoch in (0, 9, 10, 29, 30, 39, 40, 99, 100)]
    assert rates == [0.01, 0.01, 0.005, 0.005, 0.0025, 0.0025, 0.00125, 0.00125, 0.000625]


def test_wang2024_radiomics_are_pyradiomics_defaults_on_raw_images():
    radiomics = load_recipe("wang2024-dce-t1-t2-rad").inputs.radiomics
    assert radiomics.settings is None
    assert radiomics.intensity is None


def test_fusion_is_independent_of_pixel_size_and_scanner_units():
    recipe = load_recipe("fusion")
    assert recipe.inputs.patch.size_mm == 64
    assert recipe.inputs.patch.slice_step_mm == 3
    assert recipe.inputs.patch.intensity.method == recipe.inputs.radiomics.intensity.method == "robust"
    assert recipe.model.auxiliary_heads
    assert recipe.model.source_dropout == 0.1


def test_the_demonstration_models_share_one_preparation():
    from BreastFusionLib.cohort import covering

    inputs = [load_recipe(name).inputs for name in DEMO]
    assert covering(inputs) == load_recipe("demo").inputs


def test_the_shared_preparation_holds_what_every_demo_recipe_would_prepare_itself() -> None:
    from BreastFusionLib.phantom import make_exam
    from BreastFusionLib.reading import Case, prepare

    made = make_exam(seed=5, number=1, small=True)
    case = Case(made.exam, made.lesion)
    shared = prepare(case, load_recipe("demo").inputs)
    for name in DEMO:
        own = prepare(case, load_recipe(name).inputs)
        assert own.patches or own.vectors
        for sequence, patch in own.patches.items():
            np.testing.assert_array_equal(patch.pixels, shared.patches[sequence].pixels)
        for source, values in own.vectors.items():
            np.testing.assert_equal(values, shared.vectors[source])
