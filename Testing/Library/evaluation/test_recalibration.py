"""Recalibration: fitted on validation cases only, undoing a known distortion, usable by bundles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation import evaluate_predictions
from BreastFusionLib.evaluation.calibration_slope import calibration_line
from BreastFusionLib.evaluation.recalibration import Recalibration, fit_recalibration, fitting_rows
from BreastFusionLib.evaluation.roc import auc
from BreastFusionLib.reading.calibration import Calibration


def distorted(n: int = 20_000, slope: float = 2.0, intercept: float = -1.0) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and probabilities whose log-odds must be multiplied by slope and shifted by intercept."""
    random = np.random.default_rng(0)
    p = random.beta(2, 2, n)
    return (random.random(n) < expit(slope * logit(p) + intercept)).astype(int), p


def test_platt_finds_the_distortion() -> None:
    labels, p = distorted()
    found = fit_recalibration(labels, p, np.full(labels.size, "validation"))
    assert (found.slope, found.intercept) == pytest.approx((2, -1), abs=0.06)
    assert found.cases == labels.size


def test_temperature_finds_a_slope_and_never_an_intercept() -> None:
    labels, p = distorted(intercept=0.0)
    found = fit_recalibration(labels, p, np.full(labels.size, "validation"), "temperature")
    assert found.slope == pytest.approx(2, abs=0.06)
    assert found.intercept == 0 and found(0.5) == pytest.approx(0.5)


def test_isotonic_by_hand() -> None:
    # Pool adjacent violators: 0 | (1, 0) pooled to one half | 1.
    found = fit_recalibration([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4], ["validation"] * 4, "isotonic")
    assert found([0.0, 0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.9]) == pytest.approx([0, 0, 0.5, 0.5, 0.5, 0.75, 1, 1])


@pytest.mark.parametrize("method", ["platt", "temperature", "isotonic"])
@pytest.mark.parametrize("unit", [1.0, 1e6, 1e-6, 1e300])
def test_logits_of_any_unit_give_the_probabilities_that_they_stand_for(method: str, unit: float) -> None:
    labels, p = distorted(3000, intercept=0.0)
    split = np.full(labels.size, "validation")
    of_logits = fit_recalibration(labels, unit * logit(p), split, method, "logit")  # type: ignore[arg-type]
    of_probabilities = fit_recalibration(labels, p, split, method)  # type: ignore[arg-type]
    assert of_logits(unit * logit(p)) == pytest.approx(of_probabilities(p), abs=1e-3)


def test_platt_undoes_any_offset_of_logits() -> None:
    labels, p = distorted(2000)
    split = np.full(2000, "validation")
    found = fit_recalibration(labels, logit(p) + 1e4, split)
    assert found.scale == "logit"
    assert found(logit(p) + 1e4) == pytest.approx(fit_recalibration(labels, logit(p), split)(logit(p)), abs=1e-4)


def test_what_was_fitted_on_probabilities_takes_nothing_else() -> None:
    labels, p = distorted(200)
    found = fit_recalibration(labels, p, np.full(200, "validation"))
    with pytest.raises(InputError, match=r"fitted on probabilities, and scores from -3 to 0\.5 are none"):
        found([-3.0, 0.5])
    with pytest.raises(InputError, match="probabilities in"):
        fit_recalibration(labels, logit(p), np.full(200, "validation"), scale="probability")


@pytest.mark.parametrize("method", ["platt", "temperature", "isotonic"])
def test_other_cases_are_not_looked_at(method: str) -> None:
    labels, p = distorted(600)
    split = np.repeat(["validation", "test", "train"], 200)
    found = fit_recalibration(labels, p, split, method)  # type: ignore[arg-type]
    labels[200:], p[200:] = 1 - labels[200:], 0.123
    assert fit_recalibration(labels, p, split, method) == found  # type: ignore[arg-type]
    assert found.cases == 200


def test_test_cases_are_refused_and_it_says_why() -> None:
    with pytest.raises(InputError, match=r"None of the 2 cases is of split 'validation' \(found: test\)"):
        fit_recalibration([0, 1], [0.2, 0.8], ["test", "test"])


def test_other_words_for_validation_are_understood() -> None:
    assert fitting_rows(["val", "valid", "validation", "test", "train"]).tolist() == [True] * 3 + [False] * 2


def test_one_class_is_refused() -> None:
    with pytest.raises(InputError, match="both classes; 2 of the 2 are positive"):
        fit_recalibration([1, 1, 0], [0.2, 0.8, 0.1], ["validation", "validation", "test"])


def test_ranking_stays() -> None:
    labels, p = distorted(500)
    for method in ("platt", "temperature"):
        found = fit_recalibration(labels, p, np.full(500, "validation"), method)  # type: ignore[arg-type]
        assert auc(labels, found(p)) == auc(labels, p)


def test_what_was_calibrated_has_slope_1_and_intercept_0() -> None:
    labels, p = distorted(2000)
    found = fit_recalibration(labels, p, np.full(2000, "validation"))
    line = calibration_line(labels, found(p))
    assert line.slope.value == pytest.approx(1, abs=0.01)  # not exactly: Platt's targets are smoothed
    assert line.intercept.value == pytest.approx(0, abs=0.01)


def test_a_bundle_calibrated_once_more_gives_the_same_probabilities() -> None:
    bundle = Calibration("platt", 1.5, 0.3, {"t1": (2.0, 0.0)})
    margin = np.array([-3.0, -0.2, 0.0, 1.4])
    again = Recalibration("platt", 100, slope=0.6, intercept=-0.8)
    combined = again.after(bundle)
    assert combined.probability(margin) == pytest.approx(again(bundle.probability(margin)))
    assert combined.method == "platt" and combined.parts == {"t1": (2.0, 0.0)}
    assert Recalibration("temperature", 9, slope=2.0).after(Calibration()).method == "temperature"


def test_no_bundle_takes_an_isotonic_curve_or_one_of_logits() -> None:
    with pytest.raises(InputError, match="fitted on logits"):
        Recalibration("platt", 4, scale="logit").after(Calibration())
    with pytest.raises(InputError, match="straight line"):
        Recalibration("isotonic", 4, steps=((0.1, 0.0), (0.9, 1.0))).after(Calibration())


def test_one_score_outside_0_to_1_makes_all_of_a_table_logits_and_this_is_said(tmp_path: Path) -> None:
    labels, p = distorted(400)
    scores = np.where(
        np.arange(400) == 399, 1.5, p
    )  # of a test case: those of validation alone look like probabilities
    table = pd.DataFrame({"label": labels, "score": scores, "split": ["val"] * 200 + ["test"] * 200})
    table.to_csv(tmp_path / "a.csv", index=False)
    result = evaluate_predictions([tmp_path / "a.csv"], bootstrap=0, recalibrate="platt")
    assert result["models"]["a"]["calibration"] is not None
    assert any("taken as log-odds because they reach from" in note and "to 1.5," in note for note in result["notes"])


def test_classes_are_calibrated_only_when_two_are_made_of_them(tmp_path: Path) -> None:
    rows = ["label,split,score_a,score_b,score_c", *("a,val,.7,.2,.1", "b,val,.2,.6,.2", "c,val,.1,.1,.8") * 2]
    text = "\n".join([*rows, *(row.replace("val", "test") for row in rows[1:])])
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InputError, match=r"the table is of 3.*--positive"):
        evaluate_predictions([tmp_path / "a.csv"], bootstrap=0, recalibrate="platt")
    result = evaluate_predictions([tmp_path / "a.csv"], bootstrap=0, recalibrate="platt", positive=["c"])
    assert "calibrated (platt) on 6 validation cases" in " ".join(result["notes"])
