"""Numbers as journals print them, and captions that say how many cases and which method."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from BreastFusionLib.evaluation import evaluate_scores
from BreastFusionLib.report import auc_figure, evaluation_html, methods_text
from BreastFusionLib.report.calibration_figures import decision_figure
from BreastFusionLib.report.discrimination_figures import precision_recall_figure
from BreastFusionLib.report.evaluation_captions import (
    calibration_caption,
    importance_caption,
    interval_words,
    precision_recall_caption,
    roc_caption,
    said_once,
)
from BreastFusionLib.report.evaluation_cohort import cohort_table
from BreastFusionLib.report.numbers import equal_p, interval_text, number, p_value, with_interval


@pytest.mark.parametrize(
    ("p", "printed"),
    [(0.00099, "< .001"), (0.001, ".001"), (0.0117, ".012"), (0.0994, ".099"), (0.0999, ".10"), (0.243, ".24"),
     (0.99, ".99"), (0.9999, "> .99"), (None, None)],
)  # fmt: skip
def test_p_values_are_printed_as_journals_do(p: float | None, printed: str | None) -> None:
    assert p_value(p) == printed


def test_p_values_in_a_sentence() -> None:
    assert [equal_p(p) for p in (0.024, 0.0001, None)] == ["P = .024", "P < .001", ""]


def test_minus_is_a_minus_and_nothing_is_below_zero_that_rounds_to_zero() -> None:
    assert [number(value, ".3f") for value in (-0.0914, -0.0004, 0.0)] == ["−0.091", "0.000", "0.000"]
    assert [number(value, "+.1f") for value in (0.04, 2.3)] == ["0.0", "+2.3"]


def test_an_interval_has_the_digits_of_its_value() -> None:
    estimate = {"value": -0.02, "low": -0.05126, "high": 0.0001}
    assert str(with_interval(estimate, 3, sign=True)) == "−0.020 <small>[−0.051, 0.000]</small>"
    assert str(with_interval(estimate, percent=True, unit="")) == "−2.0 <small>[−5.1, 0.0]</small>"
    assert interval_text(estimate, name="95 % CI ", after="P = .06") == "−0.020 (95 % CI −0.051 to 0.000; P = .06)"
    assert interval_text({"value": 0.5, "low": None, "high": None}) == "0.500"


def test_a_note_of_several_models_is_said_once() -> None:
    notes = ["A: calibrated.", "One sentence.", "B: calibrated.", "B: other.", "Another sentence."]
    assert said_once(notes) == ["A, B: calibrated.", "One sentence.", "B: other.", "Another sentence."]


def study(n: int = 120, patients: bool = False, **options: Any) -> dict[str, Any]:
    random = np.random.default_rng(2)
    labels = np.arange(n) % 2
    scores = {name: 1 / (1 + np.exp(-random.normal(size=n) - effect * labels)) for name, effect in (("A", 1), ("B", 3))}
    who = np.arange(n) // 3 if patients else None
    return evaluate_scores(labels, scores, patients=who, **{"bootstrap": 100, **options})


def words_of_axis(found: dict[str, Any]) -> str:
    return auc_figure(found["models"], interval=interval_words(found)).axes[0].get_xlabel()


def test_figures_and_tables_name_the_interval_that_was_computed() -> None:
    assert words_of_axis(study(level=0.9)) == "AUC with 90 % interval (DeLong)"
    clustered = study(patients=True)
    assert words_of_axis(clustered) == "AUC with 95 % interval (Obuchowski)"
    page = evaluation_html(clustered)
    assert "P (Obuchowski)" in page and "DeLong)" not in page
    assert "McNemar" not in page  # a test of independent cases
    assert "P (Holm)" not in page  # one comparison needs no correction


def test_captions_say_how_many_cases_and_which_bands() -> None:
    found = study()
    assert roc_caption(found).startswith("n = 120, 60 positive.")
    assert "Bands: 95 % bootstrap interval" in roc_caption(found)
    assert "Wilson's 95 % intervals" in calibration_caption(found)
    feature = {"shuffles": 30, "median": 1.0}
    assert "median loss of AUC over 30 shuffles" in importance_caption([[feature] * 18, [feature]], 15)
    assert importance_caption([[feature] * 18], 15).endswith("The 15 features that change it most, of 18.")


def test_without_intervals_nothing_speaks_of_them() -> None:
    few = study(n=6)
    assert words_of_axis(few) == "AUC"
    for words in (roc_caption(few), precision_recall_caption(few), calibration_caption(few)):
        assert "interval" not in words
    text = methods_text(few)
    assert "Of so few cases no confidence intervals are given." in text
    assert not any(word in text for word in ("DeLong", "Wilson", "bootstrap"))


def test_precision_recall_curves_begin_at_no_recall() -> None:
    (line,) = precision_recall_figure({"A": study(n=12)["models"]["A"]}).axes[0].lines[1:]
    assert line.get_xdata()[0] == 0 and line.get_xdata()[-1] == 1


def test_a_band_is_inside_its_decision_curves() -> None:
    curves = study()["decision_curves"]
    axes = decision_figure(curves).axes[0]
    assert axes.get_ylim()[1] >= max(curves["models"]["B"]["high"])
    assert axes.get_xlim() == (0, 1)


def test_table_one_gives_a_row_one_number_of_digits() -> None:
    facts = pd.DataFrame({"age": 40 + 1.5 * np.arange(21), "adc": 0.8 + 0.03 * np.arange(21)})
    cohort = evaluate_scores([0, 1] * 10 + [0], {"A": np.arange(21.0)}, facts=facts, bootstrap=0)["cohort"]
    shown = str(cohort_table(cohort))
    for median, quartiles, reach in (("55", "[48, 62]", "40 to 70"), ("1.10", "[0.95, 1.25]", "0.80 to 1.40")):
        assert f"{median} <small>{quartiles}</small><small>{reach}</small>" in shown
    assert "all (n = 21)" in shown
