"""Several classes: hand-computed figures, agreement with scikit-learn, two classes as a special case."""

from __future__ import annotations

import numpy as np
import pytest

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation.class_intervals import class_bootstrap, class_report
from BreastFusionLib.evaluation.multiclass import (
    class_confusion,
    expected_class,
    macro_auc,
    odelia_score,
    ordinal_c_index,
    weighted_kappa,
)
from BreastFusionLib.evaluation.rates import specificity_at_sensitivity
from BreastFusionLib.evaluation.roc import auc


def study(n: int = 240, seed: int = 0, digits: int = 2) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(3), random.choice(3, n - 3, p=[0.5, 0.3, 0.2])])
    logits = 1.2 * np.eye(3)[labels] + random.standard_normal((n, 3))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return labels, p.round(digits)


def test_confusion_by_hand() -> None:
    p = [[0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0.4, 0.4, 0.2], [0.0, 0.3, 0.7]]
    assert class_confusion([0, 1, 1, 2], p).tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 1]]


def test_macro_auc_and_confusion_agree_with_scikit_learn() -> None:
    from sklearn.metrics import cohen_kappa_score, confusion_matrix, roc_auc_score

    labels, p = study()
    each = [roc_auc_score(labels == k, p[:, k]) for k in range(3)]
    assert macro_auc(labels, p) == pytest.approx(np.mean(each), abs=1e-12)
    confusion = class_confusion(labels, p)
    assert (confusion == confusion_matrix(labels, p.argmax(axis=1))).all()
    kappa = cohen_kappa_score(labels, p.argmax(axis=1), weights="linear")
    assert weighted_kappa(confusion) == pytest.approx(kappa, abs=1e-12)


def test_kappa_by_hand() -> None:
    # Observed disagreement: 1 x 1 + 1 x 2 over 4; by chance from the margins (2, 1, 1) and (1, 1, 2): 20 / 16.
    confusion = [[1, 0, 1], [0, 1, 0], [0, 0, 1]]
    assert weighted_kappa(confusion) == pytest.approx(1 - (2 / 4) / ((2 * 1 + 2 * 2 * 2 + 1 + 2 + 2 + 1) / 16))
    assert weighted_kappa(np.diag([3, 4, 5])) == 1
    assert np.isnan(weighted_kappa([[5, 0], [0, 0]]))


def test_ordinal_c_index_by_hand() -> None:
    # Pairs of classes: 0-1 has 1 1/2 of 2 right, 0-2 both of 2, 1-2 one of 1.
    assert ordinal_c_index([0, 0, 1, 2], [1, 2, 2, 3]) == pytest.approx((1.5 / 2 + 1 + 1) / 3)


def test_ordinal_c_index_is_the_auc_of_two_classes_and_mirrors() -> None:
    labels, p = study()
    two = labels < 2
    assert ordinal_c_index(labels[two], p[two, 1]) == pytest.approx(auc(labels[two], p[two, 1]))
    score = expected_class(p)
    assert ordinal_c_index(2 - labels, -score) == pytest.approx(ordinal_c_index(labels, score))
    assert ordinal_c_index(labels, score**3) == pytest.approx(ordinal_c_index(labels, score))


def test_odelia_score_is_the_mean_of_its_parts_and_they_of_the_classes() -> None:
    labels, p = study()
    found = odelia_score(labels, p)
    specificity = np.mean([specificity_at_sensitivity(labels == k, p[:, k], 0.9) for k in range(3)])
    # The sensitivity at a specificity is the specificity at a sensitivity of the other class.
    sensitivity = np.mean([specificity_at_sensitivity(labels != k, -p[:, k], 0.9) for k in range(3)])
    assert found.specificity.value == pytest.approx(specificity)
    assert found.sensitivity.value == pytest.approx(sensitivity)
    assert found.score.value == pytest.approx((macro_auc(labels, p) + specificity + sensitivity) / 3)


@pytest.mark.parametrize(("sure", "area", "kappa"), [(1.0, 1.0, 1.0), (0.0, 0.5, 0.0)])
def test_a_perfect_model_and_one_that_tells_nothing_apart_have_no_intervals(
    sure: float, area: float, kappa: float
) -> None:
    labels = np.repeat([0, 1, 2], 12)
    p = np.full((36, 3), (1 - sure) / 3) + sure * np.eye(3)[labels]
    report = class_report(labels, p, ["normal", "benign", "malignant"], replicates=50)
    assert report.ordinal_c_index is not None and report.kappa is not None
    found = {"auc": report.odelia.auc, "c": report.ordinal_c_index, "kappa": report.kappa, **report.auc}
    values = {"auc": area, "c": area, "kappa": kappa, "normal": area, "benign": area, "malignant": area}
    assert {name: estimate.value for name, estimate in found.items()} == pytest.approx(values)
    for estimate in (*found.values(), report.odelia.score, report.odelia.specificity, report.odelia.sensitivity):
        assert np.isnan(estimate.low) and np.isnan(estimate.high)
    # Shares have Wilson's interval, which needs no variance.
    assert report.recall["normal"].low == pytest.approx(0.758, abs=0.001)
    assert report.accuracy.low < report.accuracy.value


def test_too_few_cases_of_a_class_have_a_sentence_and_no_interval() -> None:
    labels = np.repeat([0, 1, 2], [20, 20, 9])
    p = np.random.default_rng(0).dirichlet([1, 1, 1], 49)
    report = class_report(labels, p, ["n", "b", "m"], replicates=50)
    assert report.note.startswith("No intervals and no tests are given: of cases there are 9 of class m (10 ")
    estimates = (report.accuracy, report.odelia.score, report.auc["n"], report.recall["n"], report.precision["b"])
    assert all(np.isfinite(e.value) and np.isnan(e.low) and np.isnan(e.high) for e in estimates)
    one_more = class_report(np.append(labels, 2), np.append(p, p[-1:], axis=0), replicates=50)
    assert one_more.note == "" and one_more.odelia.score.low < one_more.odelia.score.high


def test_cases_of_one_patient_count_once_for_how_many_there_are() -> None:
    labels, p = np.repeat([0, 1, 2], 20), np.random.default_rng(0).dirichlet([1, 1, 1], 60)
    patients = np.arange(60) // 4
    assert "of patients there are 5 of class 0" in class_report(labels, p, patients=patients, replicates=5).note


def test_macro_differences_are_tested_on_the_same_resamples() -> None:
    labels, good = study(150)
    same = class_bootstrap(labels, np.stack([good, good]), replicates=100).compare("auc", 0, 1)
    assert (same.delta.value, same.p) == (0, 1) and np.isnan(same.delta.low)
    poor = study(150, seed=1)[1]
    test = class_bootstrap(labels, np.stack([good, poor]), replicates=500).compare("auc", 0, 1)
    assert test.delta.value == pytest.approx(macro_auc(labels, good) - macro_auc(labels, poor))
    random, drawn = np.random.default_rng(5), []
    for _ in range(300):
        rows = np.concatenate([random.choice(np.flatnonzero(labels == k), (labels == k).sum()) for k in range(3)])
        drawn.append(macro_auc(labels[rows], good[rows]) - macro_auc(labels[rows], poor[rows]))
    assert (test.delta.low, test.delta.high) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])), abs=0.02)
    assert test.p == pytest.approx(2 / 501)


def test_p_values_of_equal_models_are_spread_evenly() -> None:
    ps = []
    for seed in range(120):
        random = np.random.default_rng(seed)
        labels = np.repeat([0, 1, 2], 15)
        pair = [np.exp(np.eye(3)[labels] + random.standard_normal((45, 3))) for _ in range(2)]
        ps.append(
            class_bootstrap(labels, np.stack(pair), ordered=False, replicates=200, seed=seed).compare("auc", 0, 1).p
        )
    # Of 120 P values 6 lie below .05 and 60 below .5, give or take 2 and 5.
    assert np.mean(np.array(ps) < 0.05) < 0.12 and 0.36 < np.mean(np.array(ps) < 0.5) < 0.64


def test_two_classes_are_what_they_are_elsewhere() -> None:
    labels, p = study()
    labels, p = (labels == 2).astype(int), np.column_stack([1 - p[:, 2], p[:, 2]])
    report = class_report(labels, p, replicates=0)
    assert report.odelia.auc.value == pytest.approx(auc(labels, p[:, 1]))
    assert report.auc["0"].value == pytest.approx(report.auc["1"].value)


def test_intervals_agree_with_resampling_by_indices() -> None:
    labels, p = study(150)
    report = class_report(labels, p, replicates=2000)
    random, drawn = np.random.default_rng(5), []
    for _ in range(600):
        rows = np.concatenate([random.choice(np.flatnonzero(labels == k), (labels == k).sum()) for k in range(3)])
        score = odelia_score(labels[rows], p[rows]).score.value
        kappa = weighted_kappa(class_confusion(labels[rows], p[rows]))
        drawn.append((score, kappa, ordinal_c_index(labels[rows], expected_class(p[rows]))))
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    assert report.kappa is not None and report.ordinal_c_index is not None
    found = (report.odelia.score, report.kappa, report.ordinal_c_index)
    assert [estimate.low for estimate in found] == pytest.approx(low, abs=0.02)
    assert [estimate.high for estimate in found] == pytest.approx(high, abs=0.02)


def test_patients_count_once_however_many_cases_they_have() -> None:
    labels, p = study(100)
    alone = class_report(labels, p, replicates=2000)
    copies = np.arange(400) % 100
    four = class_report(labels[copies], p[copies], patients=copies, replicates=2000)
    assert four.odelia.auc.high - four.odelia.auc.low == pytest.approx(
        alone.odelia.auc.high - alone.odelia.auc.low, rel=0.1
    )
    assert four.auc["1"].low == pytest.approx(alone.auc["1"].low, abs=1e-9)
    assert four.recall["2"].low == pytest.approx(alone.recall["2"].low, abs=0.02)


def test_unordered_classes_have_no_ordinal_figures() -> None:
    report = class_report(*study(60), ordered=False, replicates=0)
    assert report.kappa is None and report.ordinal_c_index is None


def test_bad_input_is_refused() -> None:
    labels, p = study(30)
    with pytest.raises(InputError, match="0 to 2, found 3"):
        macro_auc(np.where(labels == 2, 3, labels), p)
    with pytest.raises(InputError, match="None of the 30 cases is of class 1"):
        macro_auc(np.where(labels == 1, 0, labels), p)
    with pytest.raises(InputError, match="None of the 30 cases is of class benign: nothing can"):
        class_report(np.where(labels == 1, 0, labels), p, ["normal", "benign", "malignant"])
    with pytest.raises(InputError, match="1 of 30 cases are NaN"):
        macro_auc(labels, np.where(np.arange(30)[:, None] == 4, np.nan, p))
    with pytest.raises(InputError, match="2 class names"):
        class_report(labels, p, ["a", "b"])
    with pytest.raises(InputError, match="one row a case"):
        macro_auc(labels, p[:, 0])
