"""The whole evaluation: its keys, its notes, and the table that holste2021 published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation import evaluate_predictions, evaluate_scores

INTERVALS = ("auc", "auc_delong", "sensitivity", "specificity", "ppv", "npv", "accuracy", "f1")

# Holste et al., ICCV Workshops 2021, table 2, 'Best Run': AUC [95 % CI], specificity at 95 % sensitivity.
PUBLISHED = {
    "image-only": (0.849, 0.834, 0.864, 0.301),
    "shallow-only": (0.807, 0.791, 0.823, 0.277),
    "probability-fusion": (0.888, 0.875, 0.899, 0.482),
    "110420_feature-fusion": (0.894, 0.882, 0.905, 0.465),
    "hidden-feature-fusion": (0.898, 0.885, 0.909, 0.491),
}


@pytest.fixture(scope="module")
def published(shared_data: Path) -> dict[str, Any]:
    folder = shared_data / "uw_breast_mri_fusion_preds"
    paths = [path for path in sorted(folder.glob("*.csv")) if "feature_imp" not in path.name]
    return evaluate_predictions(paths, label_column="y_true", score_column="y_prob")


def named(mapping: dict[str, Any], part: str) -> str:
    return next(name for name in mapping if part in name)


def test_the_published_table_comes_out(published: dict[str, Any]) -> None:
    for part, (auc, low, high, specificity) in PUBLISHED.items():
        model = published["models"][named(published["models"], part)]
        assert (model["n"], model["positives"]) == (4909, 1006)
        for estimate in (model["auc"], model["auc_delong"]):
            assert estimate["value"] == pytest.approx(auc, abs=0.0006)
            assert (estimate["low"], estimate["high"]) == pytest.approx((low, high), abs=0.0025)
        found = model["specificity_at_sensitivity"]["0.95"]
        assert found["value"] == pytest.approx(specificity, abs=0.0016)
        assert found["low"] < specificity < found["high"]


def test_the_published_p_values_hold(published: dict[str, Any]) -> None:
    learned = named(published["models"], "hidden-feature-fusion")
    tests = {frozenset((c["a"], c["b"])): c for c in published["comparisons"]}
    against_probability = tests[frozenset((learned, named(published["models"], "probability-fusion")))]
    against_feature = tests[frozenset((learned, named(published["models"], "110420_feature-fusion")))]
    assert against_probability["p_delong"] == pytest.approx(0.0039, abs=0.00005)
    assert 0.001 < against_probability["p_bootstrap"] < 0.008
    # Printed as .247 from 5,000 replicates, whose share of one half of that scatters by .006.
    assert against_feature["p_delong"] == pytest.approx(0.247, abs=0.01)
    assert against_feature["p_bootstrap"] == pytest.approx(0.247, abs=0.03)


def test_rows_without_case_ids_are_said(published: dict[str, Any]) -> None:
    assert any("row by row" in note for note in published["notes"])


def test_every_key_is_there_and_json_takes_it() -> None:
    random = np.random.default_rng(0)
    labels = np.array([0, 1] * 40)
    scores = {"a": 1 / (1 + np.exp(-random.normal(size=80) - labels)), "b": random.normal(size=80)}
    result = json.loads(json.dumps(evaluate_scores(labels, scores, bootstrap=200), allow_nan=False))
    for name, model in result["models"].items():
        assert (model["n"], model["positives"]) == (80, 40)
        for estimate in (*(model[key] for key in INTERVALS), model["specificity_at_sensitivity"]["0.95"]):
            assert set(estimate) == {"value", "low", "high"}
            assert 0 <= estimate["low"] <= estimate["value"] <= estimate["high"] <= 1
        assert sum(model["confusion"].values()) == 80
        assert np.trapezoid(model["roc"]["sensitivity"], model["roc"]["false_positive_rate"]) == pytest.approx(
            model["auc"]["value"]
        )
        assert (model["brier"] is None) == (name == "b")
    (comparison,) = result["comparisons"]
    assert (comparison["a"], comparison["b"]) == ("a", "b")
    assert comparison["delta_auc"] == pytest.approx(
        result["models"]["a"]["auc"]["value"] - result["models"]["b"]["auc"]["value"]
    )
    assert comparison["low"] < comparison["delta_auc"] < comparison["high"]
    assert any(note.startswith("b: scores lie outside [0, 1]") for note in result["notes"])


def test_each_model_may_have_its_own_threshold() -> None:
    labels, scores = [0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4]
    result = evaluate_scores(labels, {"a": scores, "b": scores}, bootstrap=0, threshold={"a": 0.2, "b": 0.35})
    assert result["models"]["a"]["confusion"] == {"tp": 2, "fp": 1, "fn": 0, "tn": 1}
    assert result["models"]["b"]["confusion"] == {"tp": 1, "fp": 0, "fn": 1, "tn": 2}


def test_without_bootstrap_its_numbers_are_empty() -> None:
    result = evaluate_scores([0, 1, 0, 1], {"a": [0.1, 0.2, 0.3, 0.4], "b": [0.4, 0.3, 0.2, 0.1]}, bootstrap=0)
    assert result["models"]["a"]["auc"] == {"value": 0.75, "low": None, "high": None}
    assert result["comparisons"][0]["p_bootstrap"] is None


def test_too_few_cases_get_a_sentence_instead_of_intervals() -> None:
    result = evaluate_scores([0, 0, 0, 0, 0, 1, 1], {"a": range(7), "b": range(7, 0, -1)}, bootstrap=20)
    model, (comparison,) = result["models"]["a"], result["comparisons"]
    assert model["auc_delong"] == model["auc"] == {"value": 1.0, "low": None, "high": None}
    assert model["sensitivity"] == {"value": 1.0, "low": None, "high": None}
    assert comparison["delta_auc"] == 1.0 and comparison["p_delong"] is None and comparison["p_holm"] is None
    assert any("2 positive cases are too few (5 are needed)" in note for note in result["notes"])


def test_scores_that_separate_all_cases_or_none_have_no_interval_of_anything_read_from_the_curve() -> None:
    labels = np.array([0, 1] * 30)
    scores = {"perfect": labels * 0.5 + 0.2, "constant": np.full(60, 0.3)}
    result = json.loads(json.dumps(evaluate_scores(labels, scores, bootstrap=50, margin=0.1), allow_nan=False))
    for name, area in (("perfect", 1.0), ("constant", 0.5)):
        model = result["models"][name]
        found = [model[key] for key in ("auc", "auc_delong", "auc_logit", "auprc", "partial_auc")]
        found += [model["balanced_accuracy"], model["f1"]]
        found += [*model["specificity_at_sensitivity"].values(), *model["sensitivity_at_specificity"].values()]
        found += [end for point in model["operating_points"].values() for end in point.values()]
        assert model["auc"]["value"] == model["auprc"]["value"] == area
        assert all(one["value"] is not None and one["low"] is None and one["high"] is None for one in found)
        assert "band" not in model["roc"] and model["sensitivity"]["low"] is not None
        (note,) = [note for note in result["notes"] if note.startswith(f"{name}: ")]
        for words in ("the AUC, the average precision", "the specificity at 95 % sensitivity", "and the point closest"):
            assert words in note
    (test,) = result["comparisons"]
    # A difference without variance cannot be tested.
    assert test["delta_auc"] == 0.5 and test["low"] is None and test["margin"]["a_not_worse"]["holds"] is None
    assert test["p_delong"] is None and test["p_bootstrap"] is None and test["differences"]["auc"]["low"] is None


def test_a_single_figure_that_does_not_vary_is_named() -> None:
    random = np.random.default_rng(0)
    labels = np.array([0, 1] * 30)
    scores = {"low": 0.1 + 0.1 * labels + 0.05 * random.random(60) * 3}  # nothing reaches .5
    result = evaluate_scores(labels, scores, bootstrap=100)
    assert result["models"]["low"]["f1"] == {"value": 0.0, "low": None, "high": None}
    (note,) = result["notes"]
    assert note.startswith("low: no interval is given for F1 and the balanced accuracy. Every resample")
    assert result["models"]["low"]["auc"]["low"] is not None and "band" in result["models"]["low"]["roc"]


def test_chance_level_of_the_calibration_error_is_said_to_count_cases() -> None:
    labels, scores = two_models()
    one, several = (
        evaluate_scores(labels, scores, patients=np.arange(80) // cases, bootstrap=0)["notes"] for cases in (1, 2)
    )
    assert not any("calibration error" in note for note in one)
    assert sum("is that of as many independent cases" in note for note in several) == 1


def test_a_cut_interval_over_folds_is_said(tmp_path: Path) -> None:
    # Twelve cases in three folds; the last fold's AUC is 1/2, the others' 1.
    rows = [f"{n},{n // 4},{n % 2},{score}" for n, score in enumerate([0.1, 0.9, 0.2, 0.8] * 2 + [0.1, 0.3, 0.4, 0.2])]
    path = tmp_path / "a.csv"
    path.write_text("\n".join(["case_id,fold,label,score", *rows]))
    result = evaluate_predictions([path], bootstrap=0)
    spread = result["models"]["a"]["runs"]["folds"]["all"]["spread"]
    assert (spread["mean"]["high"], spread["cut"]) == (1.0, True)
    assert "a: The interval of the mean AUC over folds is cut: an AUC lies in [0, 1]." in result["notes"]


def test_patients_with_several_cases_are_counted_as_patients(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("case_id,patient_id,label,score\n1,A,1,.9\n2,A,0,.2\n3,B,1,.6\n4,C,0,.7\n")
    result = evaluate_predictions([path], bootstrap=0)
    assert result["settings"]["by_patient"]
    several, both, few, _ = result["notes"]
    assert several.startswith("4 cases come from 3 patients: intervals and tests count patients")
    assert both.startswith("1 patient has positive and negative cases (A)")
    assert "2 positive and 2 negative patients are too few" in few


def test_each_case_twice_gives_the_intervals_of_each_case_once() -> None:
    random = np.random.default_rng(3)
    labels = np.array([0, 1] * 40)
    scores = 1 / (1 + np.exp(-random.normal(size=80) - labels))
    once = evaluate_scores(labels, {"a": scores}, bootstrap=0)["models"]["a"]
    doubled = {"a": np.repeat(scores, 2)}
    patients = np.repeat(np.arange(80), 2)
    twice = evaluate_scores(np.repeat(labels, 2), doubled, patients=patients, bootstrap=0)["models"]["a"]
    naive = evaluate_scores(np.repeat(labels, 2), doubled, bootstrap=0)["models"]["a"]
    for key in ("auc_delong", "sensitivity", "specificity"):
        width = {name: found[key]["high"] - found[key]["low"] for name, found in
                 (("once", once), ("twice", twice), ("naive", naive))}  # fmt: skip
        assert width["twice"] == pytest.approx(width["once"], rel=0.02)
        assert width["naive"] < 0.75 * width["once"]


def test_swapped_labels_and_signs_give_the_same_areas_and_tests() -> None:
    random = np.random.default_rng(1)
    labels = random.integers(0, 2, 60)
    a, b = random.normal(size=60) + labels, random.normal(size=60).round(1)
    there = evaluate_scores(labels, {"a": a, "b": b}, bootstrap=0)
    back = evaluate_scores(1 - labels, {"a": -a, "b": -b}, bootstrap=0)
    for name in "ab":
        for end, value in there["models"][name]["auc_delong"].items():
            assert back["models"][name]["auc_delong"][end] == pytest.approx(value)
        assert back["models"][name]["sensitivity_at_specificity"]["0.9"]["value"] == pytest.approx(
            there["models"][name]["specificity_at_sensitivity"]["0.9"]["value"]
        )
    assert back["comparisons"][0]["p_delong"] == pytest.approx(there["comparisons"][0]["p_delong"])


def test_differences_of_every_metric_are_those_of_the_models() -> None:
    labels, scores = two_models()
    result = evaluate_scores(labels, scores, bootstrap=300)
    (test,) = result["comparisons"]
    a, b = result["models"]["a"], result["models"]["b"]
    for metric in ("auc", "auprc", "partial_auc", "f1", "balanced_accuracy", "sensitivity", "specificity", "accuracy"):
        found = test["differences"][metric]
        assert found["value"] == pytest.approx(a[metric]["value"] - b[metric]["value"])
        assert found["low"] <= found["value"] <= found["high"] and 0 < found["p"] <= 1
    assert test["differences"]["auc"]["p"] == test["p_bootstrap"]
    at = "specificity_at_sensitivity"
    assert test["differences"][at]["0.95"]["value"] == pytest.approx(a[at]["0.95"]["value"] - b[at]["0.95"]["value"])


def test_models_of_different_thresholds_share_their_resamples() -> None:
    labels, scores = two_models()
    same = evaluate_scores(labels, scores, bootstrap=200)["comparisons"][0]
    other = evaluate_scores(labels, scores, bootstrap=200, threshold={"a": 0.5, "b": 0.3})["comparisons"][0]
    assert other["differences"]["auc"] == same["differences"]["auc"]
    assert other["differences"]["sensitivity"] != same["differences"]["sensitivity"]


def test_holm_is_counted_over_all_pairs() -> None:
    labels, scores = two_models()
    scores["c"] = scores["a"] * 0.5 + scores["b"] * 0.5
    found = evaluate_scores(labels, scores, bootstrap=100)["comparisons"]
    given = sorted(test["p_delong"] for test in found)
    assert sorted(test["p_holm"] for test in found)[0] == pytest.approx(min(1, 3 * given[0]))
    assert all(test["p_holm"] >= test["p_delong"] for test in found)


def test_a_margin_is_tested_in_both_directions() -> None:
    labels, scores = two_models()
    test = evaluate_scores(labels, scores, bootstrap=0, margin=0.05)["comparisons"][0]
    margin = test["margin"]
    assert margin["a_not_worse"]["bound"] == pytest.approx(test["low"])
    assert margin["b_not_worse"]["bound"] == pytest.approx(-test["high"])
    assert margin["a_not_worse"]["holds"] == (test["low"] > -0.05)
    assert margin["a_better"]["p"] == pytest.approx(test["p_delong"] / 2)
    assert "margin" not in evaluate_scores(labels, scores, bootstrap=0)["comparisons"][0]


def test_too_few_cases_give_no_verdict_on_a_margin_either() -> None:
    labels = np.repeat([0, 1], [40, 4])
    noise = np.random.default_rng(0).normal(size=(2, 44))
    found = evaluate_scores(labels, {"a": labels + noise[0], "b": labels + noise[1]}, bootstrap=0, margin=0.05)
    for test in ("a_not_worse", "b_not_worse", "a_better", "b_better"):
        verdict = found["comparisons"][0]["margin"][test]
        assert (verdict["holds"], verdict["p"], verdict["bound"]) == (None, None, None)


def test_mcnemar_counts_the_cases_on_which_one_model_is_right() -> None:
    labels = [1, 1, 1, 1, 1, 0, 0, 0, 0, 0]
    a = [0.9, 0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1, 0.1, 0.9]
    b = [0.9, 0.1, 0.1, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1, 0.1]
    found = evaluate_scores(labels, {"a": a, "b": b}, bootstrap=0)["comparisons"][0]["mcnemar"]
    assert (found["accuracy"]["only_a_right"], found["accuracy"]["only_b_right"]) == (2, 2)
    assert (found["sensitivity"]["only_a_right"], found["sensitivity"]["only_b_right"]) == (2, 1)
    assert found["specificity"]["p"] == 1.0


def test_calibration_is_told_beside_what_chance_gives() -> None:
    random = np.random.default_rng(1)
    p = random.random(3000)
    found = evaluate_scores(random.random(3000) < p, {"a": p}, bootstrap=0)["models"]["a"]["calibration"]
    assert found["slope"]["low"] < 1 < found["slope"]["high"]
    assert found["expected_calibration_error"] < found["expected_calibration_error_by_chance_95"]
    assert sum(one["cases"] for one in found["curve"]) == 3000


def test_demanded_calibration_of_scores_beyond_probabilities_is_refused() -> None:
    labels, scores = two_models()
    scores["b"] = scores["b"] * 3
    with pytest.raises(InputError, match=r"^b: Calibration needs probabilities in \[0, 1\]"):
        evaluate_scores(labels, scores, bootstrap=0, calibration=True)
    quiet = evaluate_scores(labels, scores, bootstrap=0, calibration=False)
    assert quiet["notes"] == [] and quiet["models"]["a"]["brier"] is None


def test_decision_curves_say_where_a_model_is_useful() -> None:
    labels, scores = two_models()
    curves = evaluate_scores(labels, scores, bootstrap=100, decision_range=(0.1, 0.5))["decision_curves"]
    assert curves["thresholds"][0] == pytest.approx(0.1) and curves["thresholds"][-1] == pytest.approx(0.5)
    assert curves["models"]["a"]["useful"]
    share = labels.mean()
    assert curves["treat_all"][0] == pytest.approx(share - (1 - share) * 0.1 / 0.9)


def test_subgroups_are_made_of_categories_and_bands_of_numbers() -> None:
    labels, scores = two_models()
    facts = pd.DataFrame({"site": np.where(np.arange(80) % 4 < 2, "A", "B"), "age": 41.0 + np.arange(80) / 4})
    result = evaluate_scores(labels, scores, facts=facts, subgroup_columns=["site", "age"], bootstrap=0)
    site, age = result["subgroups"]
    assert [group["name"] for group in site["models"]["a"]["groups"]] == ["A", "B"]
    assert [group["name"] for group in age["models"]["a"]["groups"]] == ["40-49", "50-59", "60-69"]
    chosen = (facts["site"] == "A").to_numpy()
    alone = evaluate_scores(labels[chosen], {"a": scores["a"][chosen]}, bootstrap=0)["models"]["a"]["auc_delong"]
    assert site["models"]["a"]["groups"][0]["auc"] == pytest.approx(alone)
    with pytest.raises(InputError, match=r"no column 'sites'.*Did you mean 'site'"):
        evaluate_scores(labels, scores, facts=facts, subgroup_columns=["sites"], bootstrap=0)


def test_table_1_describes_the_cases_by_class() -> None:
    labels = np.array([0, 1] * 10)
    facts = pd.DataFrame(
        {"age": np.arange(40, 60), "site": ["A"] * 5 + ["B"] * 15, "file": [f"{n}.nii" for n in range(20)]}
    )
    table = evaluate_scores(labels, {"a": np.arange(20)}, facts=facts, bootstrap=0)["cohort"]
    assert table["n"] == [20, 10, 10]
    age, site = table["rows"]  # a name of a file describes nobody
    assert (age["column"], age["cells"][1]["median"], age["cells"][2]["median"]) == ("age", 49, 50)
    assert site["cells"][0] == {"A": 5, "B": 15}


def test_the_surest_right_and_wrong_cases_are_named() -> None:
    labels, scores = [1, 1, 1, 0, 0, 0], [0.9, 0.8, 0.2, 0.7, 0.6, 0.1]
    result = evaluate_scores(labels, {"a": scores}, case_id=list("uvwxyz"), bootstrap=0, examples=2)
    found = result["models"]["a"]["examples"]
    assert [case["case_id"] for case in found["true_positives"]] == ["u", "v"]
    assert [case["case_id"] for case in found["false_positives"]] == ["x", "y"]
    assert [case["case_id"] for case in found["false_negatives"]] == ["w"]
    assert found["true_negatives"] == [{"case_id": "z", "score": 0.1}]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"level": 95}, "level of confidence lies between 0 and 1, not at 95"),
        ({"sensitivities": (95,)}, r"sensitivity to read the curve at lies in \(0, 1\]"),
        ({"margin": -0.1}, "margin is a difference in AUC"),
        ({"partial_auc": (0.9, 0.2)}, "runs from low to high"),
        ({"threshold": {"a": 0.5}}, "no threshold for the model b"),
    ],
)
def test_settings_out_of_range_are_refused(options: dict[str, Any], words: str) -> None:
    labels, scores = two_models()
    with pytest.raises(InputError, match=words):
        evaluate_scores(labels, scores, bootstrap=0, **options)


def several_classes(path: Path, labels: np.ndarray, p: np.ndarray) -> Path:
    """Write a table of three classes."""
    table = pd.DataFrame(p, columns=["score_normal", "score_benign", "score_malignant"])
    table.assign(case_id=range(len(table)), label=labels).to_csv(path, index=False)
    return path


def test_several_classes_are_guarded_as_two_are(tmp_path: Path) -> None:
    labels = np.repeat([0, 1, 2], 20)
    noise = np.random.default_rng(0).dirichlet([1, 1, 1], 60)
    path = several_classes(tmp_path / "perfect.csv", labels, np.eye(3)[labels] * 0.7 + 0.1)
    result = evaluate_predictions([path], bootstrap=50)
    model = json.loads(json.dumps(result["models"]["perfect"], allow_nan=False))
    for one in (model["auc"], model["classes"]["benign"]["auc"], model["odelia"]["score"], model["weighted_kappa"]):
        assert one == {"value": 1.0, "low": None, "high": None}
    (note,) = result["notes"]
    assert note.startswith("perfect: no interval is given for the macro AUC, the AUC of class normal,")
    few = evaluate_predictions(
        [several_classes(tmp_path / f"{name}.csv", labels[::4], noise[rows]) for name, rows in
         (("a", slice(0, 60, 4)), ("b", slice(1, 60, 4)))],
        bootstrap=50,
    )  # fmt: skip
    assert few["models"]["a"]["auc"]["low"] is None and few["models"]["a"]["accuracy"]["low"] is None
    assert all(test["p_bootstrap"] is None and test["p_delong"] is None for test in few["comparisons"])
    (note,) = few["notes"]
    assert note.startswith(
        "No intervals and no tests are given: of cases there are 5 of class normal, 5 of class benign"
    )
    path = several_classes(tmp_path / "absent.csv", labels[:40], noise[:40])
    with pytest.raises(InputError, match="None of the 40 cases is of class malignant"):
        evaluate_predictions([path], bootstrap=50)


def test_macro_aucs_are_compared_by_bootstrap(tmp_path: Path) -> None:
    random, labels = np.random.default_rng(0), np.repeat([0, 1, 2], 20)
    paths = []
    for name, effect in (("a", 2.0), ("b", 0.3), ("c", 0.3)):
        p = np.exp(effect * np.eye(3)[labels] + random.normal(size=(60, 3)))
        paths.append(several_classes(tmp_path / f"{name}.csv", labels, p / p.sum(axis=1, keepdims=True)))
    result = evaluate_predictions(paths, bootstrap=400)
    macro = [test for test in result["comparisons"] if test["class"] is None]
    assert [(test["a"], test["b"]) for test in macro] == [("a", "b"), ("a", "c"), ("b", "c")]
    for test in macro:
        aucs = [result["models"][test[which]]["auc"]["value"] for which in "ab"]
        assert test["delta_auc"] == pytest.approx(aucs[0] - aucs[1]) and test["low"] < test["delta_auc"] < test["high"]
        assert test["differences"]["odelia"]["score"]["value"] == pytest.approx(
            result["models"][test["a"]]["odelia"]["score"]["value"]
            - result["models"][test["b"]]["odelia"]["score"]["value"]
        )
    assert macro[0]["p_bootstrap"] == pytest.approx(2 / 401) and macro[2]["p_bootstrap"] > 0.05
    # Corrected among the three macro AUCs; single classes among their nine.
    assert macro[0]["p_holm_bootstrap"] == pytest.approx(3 * 2 / 401)
    single = [test for test in result["comparisons"] if test["class"] is not None]
    assert len(single) == 9 and all(test["p_bootstrap"] is not None for test in single)
    lowest = min(single, key=lambda test: test["p_delong"])
    assert lowest["p_holm"] == pytest.approx(9 * lowest["p_delong"])


def two_models() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return 80 cases and the probabilities of a good and a fair model."""
    random = np.random.default_rng(0)
    labels = np.array([0, 1] * 40)
    return labels, {
        name: 1 / (1 + np.exp(-random.normal(size=80) - effect * (labels - 0.5)))
        for name, effect in (("a", 2), ("b", 1))
    }


def test_every_part_counts_patients_where_they_have_several_cases() -> None:
    random = np.random.default_rng(6)
    p = random.random(200)
    labels, site = (random.random(200) < p).astype(int), np.repeat(["A", "B"], 100)
    copies = np.arange(800) % 200
    facts = pd.DataFrame({"site": site[copies]})
    naive, right = (
        evaluate_scores(
            labels[copies], {"m": p[copies]}, patients=who, facts=facts, subgroup_columns=["site"], bootstrap=20
        )
        for who in (np.arange(800), copies)
    )

    def widths(found: dict[str, Any]) -> np.ndarray:
        model = found["models"]["m"]
        estimates = (
            model["auc_delong"],
            model["calibration"]["slope"],
            model["calibration"]["curve"][4]["observed"],
            found["subgroups"][0]["models"]["m"]["groups"][0]["auc"],
        )
        return np.array([one["high"] - one["low"] for one in estimates])

    # Four copies of each case halve a naive interval, and tell nothing.
    assert widths(right) / widths(naive) == pytest.approx(np.full(4, 2.0), rel=0.1)


def test_a_reading_beyond_the_last_case_has_no_interval_and_a_note() -> None:
    random = np.random.default_rng(2)
    labels = np.array([1] * 15 + [0] * 60)
    scores = {name: random.normal(size=75) + labels for name in ("a", "b")}
    result = evaluate_scores(labels, scores, bootstrap=100)
    read = result["models"]["a"]["specificity_at_sensitivity"]
    assert read["0.95"]["value"] is not None and read["0.95"]["low"] is None
    assert read["0.9"]["low"] is not None  # a tenth of 15 positives is more than one
    assert result["comparisons"][0]["differences"]["specificity_at_sensitivity"]["0.95"]["p"] is None
    assert result["models"]["a"]["sensitivity_at_specificity"]["0.95"]["low"] is not None
    (note,) = [note for note in result["notes"] if "at 95 % sensitivity" in note]
    assert note == (
        "No interval is given for the specificity at 95 % sensitivity: "
        "it would need 20 cases of that class, and there are 15."
    )
