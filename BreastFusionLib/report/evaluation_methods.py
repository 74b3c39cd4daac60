"""What was done and what came out, in the words of a paper, with the numbers filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from BreastFusionLib import __version__
from BreastFusionLib.report.evaluation_captions import area_method, corrected_tests, has_intervals
from BreastFusionLib.report.numbers import counted, equal_p, interval_text

__all__ = ["methods_paragraphs", "methods_sentence", "methods_text", "references", "results_paragraph"]

_SOURCES = {
    "delong": "DeLong ER, DeLong DM, Clarke-Pearson DL. Comparing the areas under two or more correlated receiver "
    "operating characteristic curves: a nonparametric approach. Biometrics 1988;44:837–845.",
    "obuchowski": "Obuchowski NA. Nonparametric analysis of clustered ROC curve data. Biometrics 1997;53:567–578.",
    "bootstrap": "Robin X, Turck N, Hainard A, et al. pROC: an open-source package for R and S+ to analyze and compare "
    "ROC curves. BMC Bioinformatics 2011;12:77.",
    "wilson": "Wilson EB. Probable inference, the law of succession, and statistical inference. J Am Stat Assoc "
    "1927;22:209–212.",
    "rao": "Rao JNK, Scott AJ. A simple method for the analysis of clustered binary data. Biometrics 1992;48:577–585.",
    "holm": "Holm S. A simple sequentially rejective multiple test procedure. Scand J Stat 1979;6:65–70.",
    "calibration": "Van Calster B, McLernon DJ, van Smeden M, et al. Calibration: the Achilles heel of predictive "
    "analytics. BMC Med 2019;17:230.",
    "chance": "Bröcker J, Smith LA. Increasing the reliability of reliability diagrams. Weather Forecast "
    "2007;22:651–661.",
    "decision": "Vickers AJ, Elkin EB. Decision curve analysis: a novel method for evaluating prediction models. Med "
    "Decis Making 2006;26:565–574.",
    "margin": "Piaggio G, Elbourne DR, Pocock SJ, et al. Reporting of noninferiority and equivalence randomized "
    "trials. JAMA 2012;308:2594–2604.",
    "conformal": "Sadinle M, Lei J, Wasserman L. Least ambiguous set-valued classifiers with bounded error levels. J "
    "Am Stat Assoc 2019;114:223–234.",
}

_CALIBRATIONS = {
    "platt": "Platt scaling",
    "temperature": "temperature scaling",
    "isotonic": "isotonic regression",
}


class _Cited:
    """Gives references their numbers in the order in which they are cited."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    def __call__(self, key: str) -> str:
        if key not in self.keys:
            self.keys.append(key)
        return f" ({self.keys.index(key) + 1})"


def methods_sentence(evaluation: Mapping[str, Any]) -> str:
    """Say in one sentence how the intervals were computed."""
    settings = evaluation["settings"]
    if not has_intervals(evaluation):
        return "Without confidence intervals, for which these cases are too few."
    clustered = settings["by_patient"]
    rates = "Wilson at the effective number of cases" if clustered else "Wilson"
    text = (
        f"Brackets hold {100 * settings['level']:g} % confidence intervals: of the AUC by {area_method(evaluation)}, "
        f"of rates by {rates}"
    )
    if settings["bootstrap"]:
        drawn = "resamples of patients" if clustered else "stratified bootstrap resamples"
        text += f", of everything else by {settings['bootstrap']:,} {drawn}"
    return text + "; the Brier score has none."


def methods_text(evaluation: Mapping[str, Any]) -> str:
    """Return methods, results and references as plain text."""
    paragraphs = [*methods_paragraphs(evaluation), results_paragraph(evaluation)]
    listed = [f"{number}. {source}" for number, source in enumerate(references(evaluation), start=1)]
    return "\n\n".join([*paragraphs, "\n".join(["References", *listed])]) + "\n"


def references(evaluation: Mapping[str, Any]) -> list[str]:
    """Return the sources that the methods cite, in their order."""
    return [_SOURCES[key] for key in _written(evaluation)[1]]


def methods_paragraphs(evaluation: Mapping[str, Any]) -> list[str]:
    """Return the statistical methods."""
    return _written(evaluation)[0]


def results_paragraph(evaluation: Mapping[str, Any], heading: str = "Results. ") -> str:
    """Return the main results: every model's AUC, and the best model against each other one."""
    models = evaluation["models"]
    area = "auc" if "classes" in evaluation else "auc_delong"
    word = "macro AUC" if "classes" in evaluation else "AUC"
    text = f"{heading}The {word} was {_of_each(evaluation, area)}."
    if "classes" in evaluation:
        return f"{text} Accuracy was {_of_each(evaluation, 'accuracy', percent=True)}."
    best = max(models, key=lambda name: models[name][area]["value"])
    # A difference that is the same in every resample has no interval.
    tests = [test for test in evaluation["comparisons"] if best in (test["a"], test["b"]) and test["low"] is not None]
    if tests:
        differences = []
        for test in tests:
            sign, other = (1, test["b"]) if test["a"] == best else (-1, test["a"])
            low, high = (test["low"], test["high"]) if sign > 0 else (test["high"], test["low"])
            ends = {key: None if end is None else sign * end for key, end in (("low", low), ("high", high))}
            delta = {"value": sign * test["delta_auc"], **ends}
            differences.append(f"that of {other} by {interval_text(delta, after=equal_p(test['p_holm']))}")
        corrected = ", P values corrected after Holm" if corrected_tests(evaluation) > 1 else ""
        text += f" The AUC of {best} was the highest and exceeded {_listed(differences)}{corrected}."
    at = next(iter(models[best]["specificity_at_sensitivity"]), None)
    if at is not None:
        found = models[best]["specificity_at_sensitivity"][at]
        text += (
            f" At {100 * float(at):g} % sensitivity the specificity of {best} was {interval_text(found, percent=True)}."
        )
    return text


def _written(evaluation: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    cite = _Cited()
    parts = _of_classes if "classes" in evaluation else _of_two_classes
    intervals = [] if has_intervals(evaluation) else ["Of so few cases no confidence intervals are given."]
    text = " ".join(["Statistical analysis.", _cases(evaluation), *parts(evaluation, cite), *intervals,
                     _software(evaluation)])  # fmt: skip
    return [text], cite.keys


def _cases(evaluation: Mapping[str, Any]) -> str:
    models, cohort = evaluation["models"], evaluation["cohort"]
    n = next(iter(models.values()))["n"]
    patients = f" of {cohort['patients'][0]:,} patients" if cohort["patients"] else ""
    shares = [f"{count:,} {name} ({100 * count / n:.1f} %)" for name, count in
              list(zip(cohort["columns"], cohort["n"], strict=True))[1:]]  # fmt: skip
    named = f"Models ({_listed(list(models))})" if len(models) > 1 else f"The model {next(iter(models))}"
    verb = "were" if len(models) > 1 else "was"
    return f"{named} {verb} evaluated on {n:,} cases{patients}: {_listed(shares)}."


def _of_two_classes(evaluation: Mapping[str, Any], cite: _Cited) -> list[str]:
    settings, models = evaluation["settings"], evaluation["models"]
    clustered = settings["by_patient"]
    area = "Discrimination was measured by the area under the receiver operating characteristic curve (AUC)"
    if not has_intervals(evaluation):
        return [f"{area}.", *_probability_sentences(evaluation, cite)]
    level = f"{100 * settings['level']:g} %"
    variance = f"a variance for clustered data{cite('obuchowski')}" if clustered else f"DeLong's method{cite('delong')}"
    sentences = [f"{area} with {level} confidence intervals by {variance}."]
    if settings["bootstrap"]:
        drawn = "patients with all their cases" if clustered else "cases within their class"
        low, high = (100 * value for value in settings["partial_auc_specificity"])
        sentences.append(
            f"{_read_points(models)}, the partial AUC at specificities of {low:g} to {high:g} % (corrected after "
            f"McClish), average precision, balanced accuracy and F1 have percentile intervals of "
            f"{settings['bootstrap']:,} bootstrap replicates{cite('bootstrap')}, drawing {drawn}."
        )
    thresholds = sorted({f"{model['threshold']:.3g}" for model in models.values()})
    interval = f"Wilson intervals{cite('wilson')}"
    if clustered:
        interval += f" at the effective number of cases{cite('rao')}"
    sentences.append(f"Sensitivity, specificity, predictive values and accuracy at the threshold of "
                     f"{_listed(thresholds)} have {interval}.")  # fmt: skip
    sentences += [*_comparison_sentences(evaluation, cite), *_probability_sentences(evaluation, cite)]
    if evaluation["subgroups"]:
        columns = _listed([one["column"] for one in evaluation["subgroups"]])
        sentences.append(f"Subgroups by {columns} were evaluated by themselves, their AUCs compared by Cochran's Q.")
    if any("runs" in model for model in models.values()):
        sentences.append("Where a model was trained several times, scores were averaged over the runs, and the spread "
                         "over runs and folds is reported.")  # fmt: skip
    return sentences


def _read_points(models: Mapping[str, Mapping[str, Any]]) -> str:
    """Return at which sensitivities and specificities the curves were read."""
    first = next(iter(models.values()))
    words = (("Specificity", "sensitivity", "specificity_at_sensitivity"),
             ("sensitivity", "specificity", "sensitivity_at_specificity"))  # fmt: skip
    read = [f"{one} at {_listed([f'{100 * float(at):g} %' for at in first[key]])} {other}"
            for one, other, key in words if first[key]]  # fmt: skip
    text = ", ".join(read)
    return text[:1].upper() + text[1:]


def _comparison_sentences(evaluation: Mapping[str, Any], cite: _Cited) -> list[str]:
    tests, settings = evaluation["comparisons"], evaluation["settings"]
    if not tests:
        return []
    ways = "the clustered variance of the paired difference" if settings["by_patient"] else "DeLong's paired test"
    if settings["bootstrap"]:
        ways += " and by the paired bootstrap"
    sentence = f"AUCs were compared on the same cases by {ways}"
    number = corrected_tests(evaluation)
    if number > 1:
        sentence += f"; P values were corrected for {counted(number, 'comparison')} after Holm{cite('holm')}"
    sentences = [sentence + "."]
    if settings["margin"] is not None:
        sentences.append(f"Non-inferiority in AUC was tested with a margin of {settings['margin']:g}{cite('margin')}.")
    return sentences


def _probability_sentences(evaluation: Mapping[str, Any], cite: _Cited) -> list[str]:
    models, settings, sentences = evaluation["models"], evaluation["settings"], []
    if settings.get("recalibrate"):
        sentences.append(f"Probabilities were calibrated by {_CALIBRATIONS[settings['recalibrate']]} on validation "
                         "cases only.")  # fmt: skip
    if any(model.get("calibration") for model in models.values()):
        sentences.append(
            f"Calibration was measured by slope, calibration in the large{cite('calibration')}, Brier score and the "
            f"expected calibration error of ten bins of equal width, beside what a perfectly calibrated model would "
            f"show on as many cases{cite('chance')}."
        )
    if evaluation.get("decision_curves"):
        sentences.append(f"Net benefit is shown as decision curves{cite('decision')}.")
    if any("prediction_sets" in model for model in models.values()):
        sentences.append(f"Prediction sets were fitted by class on validation cases{cite('conformal')}.")
    return sentences


def _of_classes(evaluation: Mapping[str, Any], cite: _Cited) -> list[str]:
    settings = evaluation["settings"]
    level = f"{100 * settings['level']:g} %"
    method = (
        f"a variance for clustered data{cite('obuchowski')}" if settings["by_patient"] else f"DeLong{cite('delong')}"
    )
    sentences = [
        f"Each class was evaluated against all others by its AUC with {level} confidence intervals by {method}; the "
        f"macro AUC is the mean over the classes, with percentile intervals of {settings['bootstrap']:,} bootstrap "
        f"replicates{cite('bootstrap')}."
    ]
    if evaluation["comparisons"]:
        ways = ["macro AUCs by the paired bootstrap"] if settings["bootstrap"] else []
        ways.append("AUCs of single classes by the paired difference with the same variance")
        sentences.append(f"Models were compared on the same cases: {' and '.join(ways)}; P values were corrected after "
                         f"Holm{cite('holm')}, those of macro AUCs and of single classes for themselves.")  # fmt: skip
    return sentences


def _software(evaluation: Mapping[str, Any]) -> str:
    return f"BreastFusion {__version__} was used, with seed {evaluation['settings']['seed']}."


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _of_each(evaluation: Mapping[str, Any], metric: str, percent: bool = False) -> str:
    """Return a metric of every model, the first with the name of its interval."""
    level = f"{100 * evaluation['settings']['level']:g} % CI "
    return _listed(
        [
            f"{interval_text(model[metric], percent=percent, name='' if n else level)} for {name}"
            for n, (name, model) in enumerate(evaluation["models"].items())
        ]
    )
