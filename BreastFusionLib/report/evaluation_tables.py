"""The tables of an evaluation's page, made from the dictionary of `evaluate_predictions`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from BreastFusionLib.report.evaluation_captions import area_method, corrected_p, corrected_tests, has_intervals
from BreastFusionLib.report.numbers import equal_p, fixed, p_value, percent, with_interval
from BreastFusionLib.report.page import Html, element, join, table
from BreastFusionLib.report.style import colors_of

__all__ = [
    "calibration_table",
    "comparisons_table",
    "differences_table",
    "keyed",
    "margin_table",
    "models_table",
    "more_table",
    "operating_table",
    "rates_table",
    "sets_table",
]

Models = Mapping[str, Mapping[str, Any]]
_RATES = {
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "PPV",
    "npv": "NPV",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
}


def keyed(name: str, color: str) -> Html:
    """Return a name with its colour before it."""
    return join([element("span", class_="key", style=f"background:{color}"), name])


def models_table(models: Models, ideal: Mapping[str, Any] | None = None) -> Html:
    """Return what tells positive from negative cases without any threshold."""
    at = list(next(iter(models.values()))["specificity_at_sensitivity"])
    header = ("Model", "AUC", *(f"Specificity at {100 * float(one):g} % sensitivity" for one in at[:1]),
              *(f"Sensitivity at {100 * float(one):g} % specificity" for one in _keys(models)[:1]),
              "Average precision", "Brier score")  # fmt: skip

    def row(name: Html, model: Mapping[str, Any]) -> tuple[Html | str | None, ...]:
        return (
            name,
            with_interval(model["auc_delong"], 3),
            *(with_interval(model["specificity_at_sensitivity"][one], percent=True) for one in at[:1]),
            *(with_interval(model["sensitivity_at_specificity"][one], percent=True) for one in _keys(models)[:1]),
            with_interval(model["auprc"], 3),
            fixed(model["brier"]),
        )

    rows = [row(keyed(name, colors_of(list(models))[name][0]), model) for name, model in models.items()]
    if ideal is not None:
        rows.append(row(keyed("Ideal observer", "var(--ink)"), ideal))
    return table(header, rows, stacked=True)


def more_table(models: Models) -> Html:
    """Return the AUC's other intervals, the partial AUC and the curve's other readings."""
    first = next(iter(models.values()))
    readings = [
        (f"{word} at {100 * float(at):g} % {other}", key, at)
        for word, other, key in (
            ("Specificity", "sensitivity", "specificity_at_sensitivity"),
            ("Sensitivity", "specificity", "sensitivity_at_specificity"),
        )
        for at in list(first[key])[1:]
    ]
    rows = [
        (
            name,
            *(with_interval(model[key], 3) for key in ("auc", "auc_logit", "partial_auc")),
            *(with_interval(model[key][at], percent=True) for _, key, at in readings),
        )
        for name, model in models.items()
    ]
    caption = (
        "With few cases, or an AUC close to 1, the AUC's plain interval and the bootstrap's are too narrow; the one on "
        "the logit scale is not."
    )
    header = ("Model", "AUC (bootstrap)", "AUC (logit)", "Partial AUC, corrected", *(word for word, _, _ in readings))
    return table(header, rows, caption=caption, stacked=True)


def rates_table(models: Models) -> Html:
    """Return what each model decides at its threshold."""
    header = ("Model", "Threshold", *_RATES.values(), "F1")
    rows = [
        (
            name,
            f"{model['threshold']:.3g}",
            *(with_interval(model[rate], percent=True) for rate in _RATES),
            with_interval(model["f1"], 3),
        )
        for name, model in models.items()
    ]
    return table(header, rows, stacked=True)


def operating_table(models: Models) -> Html:
    """Return the points that the curves themselves suggest."""
    words = {"youden": "largest sensitivity + specificity (Youden)", "closest": "closest to the upper left corner"}
    rows = [
        (
            name,
            words[rule],
            with_interval(point["threshold"], 3),
            with_interval(point["sensitivity"], percent=True),
            with_interval(point["specificity"], percent=True),
        )
        for name, model in models.items()
        for rule, point in model["operating_points"].items()
    ]
    caption = (
        "Thresholds chosen on the very cases that they are described on: properties of the curves, too good as a "
        "promise for other cases."
    )
    header = ("Model", "Point", "Threshold", "Sensitivity", "Specificity")
    return table(header, rows, text_columns=2, caption=caption, stacked=True)


def comparisons_table(evaluation: Mapping[str, Any], against: str | None = None) -> Html:
    """Return the paired differences of AUC with their P values; `against` keeps those with one model."""
    tests = [test for test in evaluation["comparisons"] if against in (None, test["a"], test["b"])]
    by_class = any("class" in test for test in tests)
    number, method = corrected_tests(evaluation), area_method(evaluation)
    shown = {f"P ({method})": "p_delong", "P (bootstrap)": "p_bootstrap", "P (Holm)": "p_holm"}
    shown = {word: key for word, key in shown.items() if any(test[key] is not None for test in tests)}
    if number < 2:
        shown.pop("P (Holm)", None)
    header = ("Models compared", *(["Class"] if by_class else []), "Difference in AUC", *shown)
    rows = [
        (
            join([test["a"], element("small", " against "), test["b"]]),
            *([test["class"] or "all: macro AUC"] if by_class else []),
            with_interval({"value": test["delta_auc"], "low": test["low"], "high": test["high"]}, 3, sign=True),
            *(p_value(corrected_p(test) if key == "p_holm" else test[key]) for key in shown.values()),
        )
        for test in tests
    ]
    caption = "First minus second model, paired tests on the same cases." if shown else "First minus second model."
    if number > 1:
        caption += f" P (Holm) is {method}'s, corrected for {number} comparisons; the others are not corrected."
    if by_class:
        caption += " Macro AUCs are compared by the bootstrap alone, which their P (Holm) corrects."
    return table(header, rows, text_columns=2 if by_class else 1, caption=caption)


def differences_table(evaluation: Mapping[str, Any]) -> Html:
    """Return the paired bootstrap differences of the other metrics, and McNemar's test."""
    first = evaluation["comparisons"][0]["differences"]
    columns: list[tuple[str, tuple[Any, ...]]] = [
        (f"Specificity at {100 * float(at):g} % sensitivity", ("specificity_at_sensitivity", at))
        for at in first["specificity_at_sensitivity"]
    ][:1]
    columns += [("Sensitivity", ("sensitivity",)), ("Specificity", ("specificity",)),
                ("Balanced accuracy", ("balanced_accuracy",)), ("Average precision", ("auprc",))]  # fmt: skip
    # McNemar's test is none for the several cases of one patient.
    mcnemar = any((test.get("mcnemar") or {}).get("accuracy", {}).get("p") is not None
                  for test in evaluation["comparisons"])  # fmt: skip

    def cell(test: Mapping[str, Any], where: Sequence[str]) -> Html | None:
        found: Any = test["differences"]
        for key in where:
            found = found[key]
        estimate = {key: found[key] for key in ("value", "low", "high")}
        shown = with_interval(estimate, 3, percent=where[0] != "auprc", sign=True, unit="")
        return shown if shown is None or found["p"] is None else join([shown, element("small", equal_p(found["p"]))])

    rows = [
        (
            join([test["a"], element("small", " against "), test["b"]]),
            *(cell(test, where) for _, where in columns),
            *([p_value((test.get("mcnemar") or {}).get("accuracy", {}).get("p"))] if mcnemar else []),
        )
        for test in evaluation["comparisons"]
    ]
    caption = "First minus second model, rates in percentage points."
    if has_intervals(evaluation):
        caption += " Intervals and P values of the paired bootstrap, not corrected."
    header = ("Models compared", *(word for word, _ in columns), *(["P of accuracy (McNemar)"] if mcnemar else []))
    return table(header, rows, caption=caption, stacked=True)


def margin_table(evaluation: Mapping[str, Any]) -> Html | None:
    """Return the tests of non-inferiority; None when no margin was set."""
    tests = [test for test in evaluation["comparisons"] if test.get("margin")]
    if not tests:
        return None
    margin = tests[0]["margin"]["margin"]
    rows = []
    for test in tests:
        for one, other, key in ((test["a"], test["b"], "a"), (test["b"], test["a"], "b")):
            claim = test["margin"][f"{key}_not_worse"]
            shown = {True: "shown", False: "not shown"}[claim["holds"]] if claim["p"] is not None else None
            rows.append((join([one, element("small", " not worse than "), other]), fixed(claim["bound"]),
                         p_value(claim["p"]), shown))  # fmt: skip
    caption = (
        f"Non-inferiority in AUC with a margin of {margin:g}: shown where the lower end of the difference's interval "
        f"lies above −{margin:g}. P is one-sided."
    )
    return table(("Claim", "Lower end of the difference", "P", "Not worse"), rows, caption=caption)


def calibration_table(models: Models) -> Html | None:
    """Return how far probabilities are from what they should be; None where there are none."""
    rows = []
    for name, model in models.items():
        found = model.get("calibration")
        if not found:
            continue
        by_chance = (
            f"{found['expected_calibration_error_by_chance']:.3f}",
            element("small", f" (95 % below {found['expected_calibration_error_by_chance_95']:.3f})"),
        )
        rows.append(
            (
                name,
                fixed(model["brier"]),
                percent(found["brier_skill"]),
                fixed(found["expected_calibration_error"]),
                join(by_chance),
                with_interval(found["slope"], 2),
                with_interval(found["in_the_large"], 2),
            )
        )
    header = ("Model", "Brier score", "Brier skill", "Expected calibration error", "The same by chance alone",
              "Slope", "In the large")  # fmt: skip
    caption = (
        "Brier skill: what is better than giving everyone the share of positives. The calibration error of a perfectly "
        "calibrated model is above 0 too, the more the fewer cases there are. Slope below 1: too sure. In the large "
        "below 0: too high on average. Brier score and calibration error are given without intervals."
    )
    return table(header, rows, caption=caption, stacked=True) if rows else None


def sets_table(models: Models) -> Html | None:
    """Return coverage and size of prediction sets; None where there are none."""
    found = {name: model["prediction_sets"] for name, model in models.items() if model.get("prediction_sets")}
    if not found:
        return None
    first = next(iter(found.values()))
    rows = [
        (
            name,
            with_interval(sets["coverage"], percent=True),
            *(with_interval(one, percent=True) for one in sets["coverage_by_class"].values()),
            with_interval(sets["single"], percent=True),
            with_interval(sets["empty"], percent=True),
        )
        for name, sets in found.items()
    ]
    by_class = (f"of {name} cases" for name in first["coverage_by_class"])
    caption = (
        f"Split-conformal sets fitted on {first['validation_cases']} validation cases: they are to hold the true class "
        f"of {100 * first['wanted']:g} % of the cases of each class."
    )
    return table(("Model", "Coverage", *by_class, "One class", "None"), rows, caption=caption, stacked=True)


def _keys(models: Models) -> list[str]:
    return list(next(iter(models.values()))["sensitivity_at_specificity"])
