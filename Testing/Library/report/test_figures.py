"""Plots show the numbers they were given, and bear the cases in which something is missing."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest

from BreastFusionLib.report import (
    auc_figure,
    confusion_figure,
    inline_svg,
    probability_scale,
    roc_figure,
    time_intensity_figure,
    training_figure,
)
from BreastFusionLib.report.forest_figures import MOST_FEATURES, importance_figure
from BreastFusionLib.report.style import colors_of


def texts(figure: Any) -> list[str]:
    """Return the words in a figure, as a reader of the page would find them."""
    return [
        re.sub("<[^>]*>", "", found) for found in re.findall(r"<text.*?</text>", inline_svg(figure, "x"), re.DOTALL)
    ]


def test_roc_legend_gives_delongs_interval(evaluation: dict[str, Any]) -> None:
    found = evaluation["models"]["Fusion"]["auc_delong"]
    expected = f"{found['value']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"
    assert any(
        text.startswith("Fusion") and text.endswith(expected) for text in texts(roc_figure(evaluation["models"]))
    )


def test_the_ideal_observer_is_drawn_on_request(evaluation: dict[str, Any]) -> None:
    ideal = evaluation["models"]["Fusion"]
    without, with_ideal = (texts(roc_figure(evaluation["models"], given)) for given in (None, ideal))
    assert not any("Ideal" in text for text in without)
    assert any(text.startswith("Ideal observer") for text in with_ideal)
    assert any(
        text == f"ideal {ideal['auc_delong']['value']:.3f}" for text in texts(auc_figure(evaluation["models"], ideal))
    )


def test_a_model_without_an_interval_is_drawn_too(evaluation: dict[str, Any]) -> None:
    model = evaluation["models"]["T1"] | {"auc_delong": {"value": 0.75, "low": None, "high": None}}
    assert any(text.endswith("0.750") for text in texts(roc_figure({"few": model})))
    assert "few" in texts(auc_figure({"few": model}))


def test_confusion_matrix_shows_counts_and_shares_of_the_truth() -> None:
    shown = texts(confusion_figure({"confusion": {"tp": 1800, "fp": 30, "fn": 200, "tn": 70}}, ("benign", "malignant")))
    assert {"1,800", "90 %", "200", "10 %", "30", "30 %", "70", "70 %", "benign", "malignant"} <= set(shown)


def test_time_intensity_names_the_curve(made_up: SimpleNamespace) -> None:
    figure = time_intensity_figure(made_up.kinetics)
    assert "wash-out" in texts(figure)
    assert [line.get_linestyle() for line in figure.axes[0].lines[:2]] == ["-", "-"]


def test_an_untimed_rise_is_dashed(made_up: SimpleNamespace) -> None:
    rise = time_intensity_figure(made_up.kinetics | {"initial_rise": None}).axes[0].lines[0]
    assert rise.get_linestyle() == "--"


@pytest.mark.parametrize("phases", [1, 2])
def test_few_phases_have_no_delayed_phase(made_up: SimpleNamespace, phases: int) -> None:
    kinetics = made_up.kinetics | {
        "phases": made_up.kinetics["phases"][:phases],
        "delayed_percent": None,
        "curve": None,
    }
    figure = time_intensity_figure(kinetics)
    assert figure.axes[0].lines[-1].get_xdata().size == phases
    assert "plateau" not in texts(figure)


def test_unknown_times_are_phases_in_order(made_up: SimpleNamespace) -> None:
    phases = [phase | {"time_s": None} for phase in made_up.kinetics["phases"]]
    assert {"pre", "post 1", "post 3", "Phase (times unknown)"} <= set(
        texts(time_intensity_figure(made_up.kinetics | {"phases": phases}))
    )


def test_training_curve_marks_the_best_epoch_and_bears_gaps() -> None:
    log = [{"epoch": 0, "train_loss": 0.7, "validation_loss": 0.6}, {"epoch": 1, "train_loss": 0.5},
           {"epoch": 2, "train_loss": float("nan"), "validation_loss": 0.4}]  # fmt: skip
    lines = training_figure(log, "T1").axes[0].lines
    assert [line.get_xydata().tolist() for line in lines] == [[[0, 0.7], [1, 0.5]], [[0, 0.6], [2, 0.4]], [[2, 0.4]]]
    assert not training_figure([]).axes[0].lines


def test_epochs_are_whole_numbers() -> None:
    axes = training_figure([{"epoch": n, "train_loss": 0.7, "validation_loss": 0.6 - n / 10} for n in range(3)]).axes[0]
    assert all(place == round(place) for place in axes.get_xticks())


def test_probability_scale_shows_every_number() -> None:
    shown = texts(probability_scale(0.873, {"DCE alone": 0.81}, threshold=0.214, prevalence=0.3))
    assert {"0.87", "0.81", "DCE alone", "threshold 0.21", "▲ share among the training cases: 0.30"} <= set(shown)


def test_colours_are_distinct_and_stay_the_same() -> None:
    names = [f"model {n}" for n in range(15)]
    assert len(set(colors_of(names).values())) == 15
    assert colors_of(names) == colors_of(names)


def test_svg_follows_the_page_and_keeps_its_ids_to_itself(evaluation: dict[str, Any]) -> None:
    first, second = (
        inline_svg(auc_figure({name: model}), "AUC & more") for name, model in evaluation["models"].items()
    )
    assert "<title>AUC &amp; more</title>" in first
    assert "var(--ink" in first and "var(--rule" in first
    ids = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in (first, second)]
    assert ids[0] and not ids[0] & ids[1]
    for svg, own in zip((first, second), ids, strict=True):
        assert set(re.findall(r'(?:url\(|href=")#([^")]+)', svg)) <= own


def test_a_feature_without_which_a_model_is_better_is_drawn_last_and_the_idle_ones_are_left_out() -> None:
    """Features come by the size of what they change, of which only so many are drawn."""
    medians = [-41.0, 12.0, *(0.1 / rank for rank in range(1, 17))]
    features = [{"name": f"f{n}", "median": m, "low": m - 1, "high": m + 1} for n, m in enumerate(medians)]
    drawn = [text for text in texts(importance_figure(features, "#000")) if text.startswith("f")]
    assert drawn == [f"f{n}" for n in (*range(1, MOST_FEATURES), 0)]
