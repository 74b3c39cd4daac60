"""The recipes of Holste et al. 2021: the layers of its figure 1 and of the authors' code, counted by hand."""

from __future__ import annotations

import itertools

import pytest
import torch

from BreastFusionLib.models import FusionNetwork, build_network
from BreastFusionLib.training import load_recipe, recipe_names

INPUTS = 33  # dummy-coded and standardised (section 2.2)

# torchvision's ResNet50 has 25,557,032 parameters, 2,049,000 of them in its last layer; one input channel instead of
# three saves two filters of 7 x 7 in each of 64 channels.
RESNET50 = 25_557_032 - 2_049_000 - 2 * 49 * 64


def dense(*widths: int) -> int:
    """Parameters of linear layers from one width to the next, biases included."""
    return sum((before + 1) * after for before, after in itertools.pairwise(widths))


IMAGE_ONLY = RESNET50 + dense(2048, 1024, 512, 1)
NON_IMAGE_ONLY = dense(INPUTS, 1024, 512, 1)
TOWERS = RESNET50 + dense(2048, 512) + dense(INPUTS, 1024, 512)
LEARNED = TOWERS + dense(1024, 512, 1)
PARAMETERS = {
    "image": IMAGE_ONLY,
    "non-image": NON_IMAGE_ONLY,
    "probability": IMAGE_ONLY + NON_IMAGE_ONLY + dense(2, 16, 1),
    "feature": RESNET50 + dense(2048 + INPUTS, 1024, 512, 1),
    "learned": LEARNED,
    "learned-add": TOWERS + dense(512, 512, 1),
    "learned-multiply": TOWERS + dense(512, 512, 1),
    "learned-joint": LEARNED + 2 * dense(512, 1),
    "learned-separate": LEARNED + 2 * dense(512, 1),
}
DROPOUTS = {"image": 2, "non-image": 1, "probability": 3, "feature": 2, "learned": 2}


def network_of(name: str) -> FusionNetwork:
    """The recipe's network without memory behind its weights."""
    recipe = load_recipe(f"holste2021-{name}")
    vectors = dict.fromkeys(recipe.inputs.vector_sources, INPUTS)
    with torch.device("meta"):
        return build_network(recipe.model, recipe.inputs.channels, vectors, len(recipe.task.classes), False)


def test_hand_counts_add_up() -> None:
    assert RESNET50 == 23_501_760
    assert (IMAGE_ONLY, NON_IMAGE_ONLY, LEARNED) == (26_125_249, 560_129, 25_635_777)


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_architecture_has_the_parameters_counted_by_hand(name: str) -> None:
    network = network_of(name)
    assert sum(parameter.numel() for parameter in network.parameters()) == PARAMETERS[name]
    assert all(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize("name", DROPOUTS)
def test_a_quarter_is_dropped_where_the_authors_drop_it(name: str) -> None:
    dropouts = [module.p for module in network_of(name).modules() if isinstance(module, torch.nn.Dropout)]
    assert dropouts == [0.25] * DROPOUTS[name]


def test_probability_fusion_contains_both_single_source_networks() -> None:
    network = network_of("probability")
    shapes = {source: [tuple(p.shape) for p in network.part_parameters(source)] for source in ("mip", "clinical")}
    for source, name in {"mip": "image", "clinical": "non-image"}.items():
        alone = network_of(name)
        own = [*alone.part_parameters(source), *alone.fusion_parameters()]
        assert shapes[source] == [tuple(p.shape) for p in own]


def test_18_columns_become_33_inputs_with_11_scanner_models() -> None:
    columns = load_recipe("holste2021-feature").inputs.clinical
    assert len(columns) == 18
    numbers = [column for column in columns if column.kind == "continuous"]
    assert (len(numbers), sum(column.standardise for column in numbers)) == (13, 12)
    levels = {column.name: len(column.levels) for column in columns if column.kind == "categorical"}
    assert levels.pop("scanner_model") == 0  # those of the training cases
    assert len(numbers) + sum(count - 1 for count in levels.values()) + (11 - 1) == INPUTS


def test_the_paper_s_indication_is_obscured_for_known_cancers_only() -> None:
    (rule,) = load_recipe("holste2021-feature").inputs.clinical_rules
    assert (rule.column, rule.value, rule.where, rule.where_values) == (
        "indication", "extent_of_disease", "bi_rads", ("6",),
    )  # fmt: skip


def test_all_are_trained_in_the_same_way_but_for_the_losses() -> None:
    common = load_recipe("holste2021-feature").training
    assert (common.optimiser, common.learning_rate, common.batch_size, common.epochs) == ("adam", 1e-4, 256, 100)
    assert (common.monitor, common.patience, common.label_smoothing) == ("validation_auc", 20, 0.1)
    for name in (name for name in recipe_names() if name.startswith("holste2021")):
        training = load_recipe(name).training
        changed = {key for key in type(common).model_fields if getattr(training, key) != getattr(common, key)}
        assert changed <= {"optimisation", "augmentation"}, name
    assert load_recipe("holste2021-learned-joint").training.optimisation == "joint_losses"
    assert load_recipe("holste2021-learned-separate").training.optimisation == "separate_optimisers"


def test_no_recipe_of_the_family_needs_a_lesion_and_all_read_whole_breasts() -> None:
    for name in PARAMETERS:
        recipe = load_recipe(f"holste2021-{name}")
        assert recipe.task.unit == "breast"
        assert not recipe.inputs.needs_lesion
