"""Studies are data: every recipe loads at either size, settings have their order, unknown names are told."""

import pytest

from BreastFusionLib.cohort import covering
from BreastFusionLib.errors import InputError
from BreastFusionLib.studies import plan_study
from BreastFusionLib.studies.plan import STUDIES
from BreastFusionLib.studies.study import BEST, ENSEMBLE


@pytest.mark.parametrize("size", ["full", "small"])
@pytest.mark.parametrize("name", STUDIES)
def test_all_models_of_a_study_load_and_share_one_preparation(name, size):
    plan = plan_study(name, size=size)
    assert [model.key for model in plan.models] == [one.key for one in STUDIES[name].experiments]
    covering([model.recipe.inputs for model in plan.models])
    assert plan.possible == plan.models
    known = {model.key for model in plan.models}
    assert {key for table in plan.study.tables for key in table.experiments} <= known
    assert {key for pair in plan.study.compared for key in pair} <= known
    assert set(plan.study.importance) <= known
    assert plan.runs == {"holste2021": 5, "wang2024": 1}[name]


def test_every_fused_model_is_compared_with_both_baselines():
    pairs = set(STUDIES["holste2021"].compared)
    fused = [one.key for one in STUDIES["holste2021"].experiments if one.key not in ("image", "non-image")]
    assert len(fused) == 7
    assert {(key, baseline) for key in fused for baseline in ("image", "non-image")} <= pairs


def test_the_papers_numbers_stand_where_its_tables_have_them():
    learned = next(one for one in STUDIES["holste2021"].experiments if one.key == "learned").published
    assert learned[BEST]["auc"] == (0.898, 0.885, 0.909)
    assert learned[ENSEMBLE]["specificity_at_sensitivity/0.95"] == (0.503, 0.442, 0.590)
    printed = STUDIES["holste2021"].published_importance
    assert printed["non-image"]["indication"] == (21.26, 1)
    assert printed["learned"]["breast_density"] == (0.29, 9)
    # Column by column the ranks are no two alike.
    assert all(len({rank for _, rank in columns.values()}) == len(columns) for columns in printed.values())
    assert STUDIES["wang2024"].experiments[-1].published[BEST]["auc_delong"] == (0.98, 0.95, 1.0)


def test_columns_of_the_printed_importance_are_columns_of_the_recipe():
    plan = plan_study("holste2021", models=["learned"])
    columns = {column.name for column in plan.models[0].recipe.inputs.clinical}
    assert len(columns) == 18
    assert set(plan.study.published_importance["learned"]) <= columns


def test_the_small_size_says_so_and_leaves_out_what_a_recipe_does_not_have():
    image, columns = plan_study("holste2021", models=["image", "non-image"], size="small").models
    assert image.recipe.name == "holste2021-image-small" and image.recipe.description.endswith("Small size.")
    assert image.recipe.inputs.projection == columns.recipe.inputs.projection or columns.recipe.model.encoder is None
    assert columns.recipe.model.encoder is None and columns.recipe.reading.test_time is None
    assert plan_study("holste2021", size="small").title == "holste2021 at the small size"
    assert plan_study("wang2024", models=["t2"], size="small").models[0].recipe.name == "demo-t2"


def test_the_small_size_is_told_with_the_settings_that_it_has():
    holste, wang = (plan_study(name, size="small") for name in ("holste2021", "wang2024"))
    inputs, training = holste.first.inputs, holste.first.training
    assert f"projections of {inputs.projection.size_px} instead of 224 pixels" in holste.study.small_words
    assert f", {training.epochs} epochs," in holste.study.small_words and holste.study.small_width == 1 / 8
    assert f"patches of {wang.first.inputs.patch.size_px} pixels" in wang.study.small_words


def test_dense_layers_of_the_small_size_are_narrower_by_one_share():
    learned, probability = plan_study("holste2021", models=["learned", "probability"], size="small").models[::-1]
    assert learned.recipe.model.towers == {"mip": (64,), "clinical": (128, 64)}
    assert learned.recipe.model.head == ("drop", 64, "drop")
    assert probability.recipe.model.head == (16,)  # as in the paper


def test_the_callers_settings_are_the_last_word_in_all_recipes():
    plan = plan_study("holste2021", size="small", runs=2, overrides=["training.epochs=3", "training.seed=7"])
    assert {model.recipe.training.epochs for model in plan.models} == {3}
    assert [list(plan.seeds(model)) for model in plan.models] == [[7, 8]] * 9


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"name": "holst2021"}, "no study 'holst2021'. Did you mean 'holste2021'"),
        ({"name": "wang2024", "models": ["dce-t1"]}, "study wang2024 has no model 'dce-t1'. Did you mean 'dce-t1-t2'"),
        ({"name": "wang2024", "size": "tiny"}, "no size 'tiny' of a study. Choose 'full' or 'small'"),
        ({"name": "wang2024", "runs": 0}, "0 runs of each model: at least one is needed"),
        ({"name": "wang2024", "overrides": ["training.epoch=3"]}, "unknown key 'epoch'"),
    ],
)
def test_what_does_not_exist_is_told_with_what_does(wanted, sentence):
    with pytest.raises(InputError, match=sentence):
        plan_study(**wanted)


def test_models_that_may_be_added_later_are_known_unless_the_settings_do_not_fit_them():
    alone = plan_study("wang2024", models=["t1"], size="small")
    assert [model.key for model in alone.models] == ["t1"]
    assert alone.possible == plan_study("wang2024", size="small").models
    # Without columns, nothing is left of the model that sees them alone.
    image = plan_study("holste2021", models=["image"], overrides=["inputs.clinical=[]"])
    assert "image" in [one.key for one in image.possible] and "non-image" not in [one.key for one in image.possible]
