"""An evaluation as a page: who the cases are, what the models are worth, how they differ, and how it was measured."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from BreastFusionLib.files import write_text
from BreastFusionLib.report import evaluation_captions as captions
from BreastFusionLib.report import evaluation_tables as tables
from BreastFusionLib.report.discrimination_figures import auc_figure, confusion_figure, roc_figure
from BreastFusionLib.report.evaluation_classes import class_sections
from BreastFusionLib.report.evaluation_cohort import cohort_table, flow_block
from BreastFusionLib.report.evaluation_figures import EvaluationFigure, evaluation_figures
from BreastFusionLib.report.evaluation_files import write_evaluation_files
from BreastFusionLib.report.evaluation_methods import (
    methods_paragraphs,
    methods_sentence,
    references,
    results_paragraph,
)
from BreastFusionLib.report.evaluation_runs import run_tests_table, runs_table
from BreastFusionLib.report.evaluation_tables import comparisons_table, models_table
from BreastFusionLib.report.example_cases import ExamplePictures, examples_block
from BreastFusionLib.report.forest_figures import MOST_FEATURES
from BreastFusionLib.report.numbers import counted, p_value
from BreastFusionLib.report.page import (
    Html,
    bullets,
    columns,
    details,
    disclaimer,
    element,
    figure,
    join,
    page,
    paragraph,
    section,
    table,
    warnings,
)
from BreastFusionLib.report.style import inline_svg

__all__ = [
    "comparisons_table",
    "confusion_block",
    "evaluation_html",
    "methods_sentence",
    "models_table",
    "roc_block",
    "write_evaluation_page",
]

Models = Mapping[str, Mapping[str, Any]]
_PAGE = "report.html"
_MOST_PAIRS = 6


def write_evaluation_page(
    evaluation: Mapping[str, Any], out: str | Path, pictures: ExamplePictures | None = None
) -> Path:
    """Write report.html and beside it the same numbers and figures as files; return the page's path.

    Args:
        evaluation: the result of `evaluate_predictions`.
        out: a folder, made when needed: report.html, evaluation.json, methods.txt, tables/, figures/.
        pictures: of the example cases.
    """
    figures = evaluation_figures(evaluation)
    write_evaluation_files(evaluation, figures, out)
    return write_text(Path(out) / _PAGE, evaluation_html(evaluation, pictures=pictures, figures=figures))


def evaluation_html(
    evaluation: Mapping[str, Any],
    title: str = "Evaluation",
    pictures: ExamplePictures | None = None,
    figures: Mapping[str, EvaluationFigure] | None = None,
) -> str:
    """Return the page of `evaluate_predictions`' result."""
    drawn = evaluation_figures(evaluation) if figures is None else figures
    of_models = class_sections if "classes" in evaluation else _sections
    return page(
        title,
        disclaimer(),
        warnings(captions.said_once(evaluation["notes"])),
        _short_section(evaluation, drawn),
        _cases_section(evaluation),
        *of_models(evaluation, drawn),
        *_extra_sections(evaluation, drawn, pictures or ExamplePictures()),
        _methods_section(evaluation),
        subtitle=_subtitle(evaluation),
        eyebrow="BreastFusion evaluation",
    )


def roc_block(models: Models, ideal: Mapping[str, Any] | None = None, aside: Html | None = None) -> Html:
    """Return ROC curves beside the AUCs with their intervals, and below these what else is to be said."""
    return columns(
        figure(inline_svg(roc_figure(models, ideal), "ROC curves"), class_="plot"),
        element("div", figure(inline_svg(auc_figure(models, ideal), "AUC of each model"), class_="plot"), aside),
        at_least_px=340,
    )


def confusion_block(models: Models, classes: tuple[str, str] = ("negative", "positive")) -> Html:
    """Return a confusion matrix for each model."""
    drawn = {
        name: figure(inline_svg(confusion_figure(model, classes), f"Confusion matrix of {name}"), class_="plot small")
        for name, model in models.items()
    }
    return _side_by_side(drawn.items(), 165, captions.CONFUSION_WORDS)


def _subtitle(evaluation: Mapping[str, Any]) -> str:
    models = evaluation["models"]
    first = next(iter(models.values()))
    text = f"{counted(len(models), 'model')} on {first['n']:,} cases"
    if "positives" in first:
        return f"{text}, {first['positives']:,} of them positive ({100 * first['positives'] / first['n']:.1f} %)."
    return f"{text} of {len(evaluation['classes'])} classes."


def _short_section(evaluation: Mapping[str, Any], drawn: Mapping[str, EvaluationFigure]) -> Html:
    words = paragraph(results_paragraph(evaluation, heading=""))
    return section("In short", columns(words, drawn["auc"].html(), at_least_px=340) if "auc" in drawn else words)


def _cases_section(evaluation: Mapping[str, Any]) -> Html:
    flow = flow_block(evaluation["flow"]) if evaluation.get("flow") else None
    who = cohort_table(evaluation["cohort"])
    return section("Cases", who if flow is None else element("div", flow, who, class_="columns beside"))


def _sections(evaluation: Mapping[str, Any], drawn: Mapping[str, EvaluationFigure]) -> list[Html]:
    """Return what is said of models of two classes."""
    models = evaluation["models"]
    curves = columns(
        drawn["roc"].html(caption=captions.roc_caption(evaluation)),
        drawn["precision_recall"].html(caption=captions.precision_recall_caption(evaluation)),
        at_least_px=340,
    )
    sections = [
        section(
            "Models",
            models_table(models),
            details("More figures", tables.more_table(models)),
            lead=methods_sentence(evaluation),
        ),
        section("ROC and precision-recall curves", curves),
    ]
    if evaluation["comparisons"]:
        sections.append(section("Differences", *_differences_blocks(evaluation)))
    sections.append(_decisions_section(evaluation, drawn))
    if any(model.get("calibration") for model in models.values()):
        sections.append(_calibration_section(evaluation, drawn))
    if evaluation.get("decision_curves"):
        sections.append(_benefit_section(evaluation, drawn))
    if evaluation.get("subgroups"):
        sections.append(_subgroups_section(evaluation, drawn))
    return sections


def _differences_blocks(evaluation: Mapping[str, Any]) -> list[Html | None]:
    """Return the differences of AUC and of other figures; of many pairs first those with the last model."""
    margin, others = tables.margin_table(evaluation), tables.differences_table(evaluation)
    more = details("Differences in other figures", others)
    if len(evaluation["comparisons"]) <= _MOST_PAIRS:
        return [comparisons_table(evaluation), margin, more]
    last = list(evaluation["models"])[-1]
    folded = [details("All pairs of models", comparisons_table(evaluation))]
    folded += [details("Non-inferiority", margin)] if margin is not None else []
    return [comparisons_table(evaluation, against=last), *folded, more]


def _decisions_section(evaluation: Mapping[str, Any], drawn: Mapping[str, EvaluationFigure]) -> Html:
    models = evaluation["models"]
    matrices = _drawn_side_by_side(drawn, "confusion_", 165, captions.confusion_caption(evaluation), "plot small")
    points = details("Thresholds that the curves suggest", tables.operating_table(models))
    return section("Decisions at the threshold", tables.rates_table(models), matrices, points)


def _calibration_section(evaluation: Mapping[str, Any], drawn: Mapping[str, EvaluationFigure]) -> Html:
    models, words = evaluation["models"], captions.calibration_caption(evaluation)
    lead = "Whether a predicted probability of 30 % is right three times in ten."
    return section("Calibration", tables.calibration_table(models),
                   _drawn_side_by_side(drawn, "calibration_", _plot_px(models), words, "plot medium"),
                   tables.sets_table(models), lead=lead)  # fmt: skip


def _benefit_section(evaluation: Mapping[str, Any], drawn: Mapping[str, EvaluationFigure]) -> Html:
    curves = evaluation["decision_curves"]
    rows = [(name, _ranges(curve["useful"]), _ranges(curve["surely_useful"]))
            for name, curve in curves["models"].items()]  # fmt: skip
    useful = table(("Model", "Better than all and none at thresholds", "Surely so"), rows, text_columns=3,
                   caption="Surely: the interval of the difference to the better of both lies above 0.")  # fmt: skip
    lead = (
        "Who acts from a probability of t on says that one missed positive is as bad as (1 − t) / t needless actions. "
        "In that currency a model must be better than acting on everyone, and than acting on no one."
    )
    shown = columns(drawn["decision_curves"].html(caption=captions.benefit_caption(evaluation)), useful,
                    at_least_px=340)  # fmt: skip
    return section("Decision curves", shown, lead=lead)


def _subgroups_section(evaluation: Mapping[str, Any], drawn: Mapping[str, EvaluationFigure]) -> Html:
    rows, notes = [], []
    for one in evaluation["subgroups"]:
        for name, found in one["models"].items():
            rows += [(one["column"], name, p_value(found["p"]))] if found["p"] is not None else []
            notes += [f"{one['column']}: {group['note']}" for group in found["groups"] if group["note"]]
    equal = table(("Column", "Model", "P of equal AUCs"), rows, text_columns=2,
                  caption="Cochran's Q over the subgroups that have an interval. One of many such tests is small by "
                  "chance alone: correct for their number.")  # fmt: skip
    plots = _drawn_side_by_side(drawn, "subgroups_", 340, captions.subgroups_caption(evaluation), "plot")
    few = details("Subgroups without an interval", bullets(dict.fromkeys(notes)))
    return section("Subgroups", plots, equal if rows else None, few if notes else None)


def _extra_sections(
    evaluation: Mapping[str, Any], drawn: Mapping[str, EvaluationFigure], pictures: ExamplePictures
) -> list[Html]:
    sections = []
    runs = runs_table(evaluation["models"])
    if runs is not None:
        sections.append(section("Runs and folds", runs, run_tests_table(evaluation)))
    if evaluation.get("training"):
        words, width_px = "The dot is the epoch with the lowest validation loss.", _plot_px(evaluation["training"])
        sections.append(section("Training", _drawn_side_by_side(drawn, "training_", width_px, words, "plot medium")))
    if evaluation.get("importance", {}).get("models"):
        words = captions.importance_caption(list(evaluation["importance"]["models"].values()), MOST_FEATURES)
        plots = _drawn_side_by_side(drawn, "importance_", 340, words, "plot")
        sections.append(section("Importance", plots, _rank_products(evaluation["importance"]["rank_product"])))
    if any(model.get("examples") for model in evaluation["models"].values()):
        lead = "The decisions that a model was surest of, right and wrong: what to look at first."
        sections.append(section("Example cases", examples_block(evaluation, pictures), lead=lead))
    return sections


def _methods_section(evaluation: Mapping[str, Any]) -> Html:
    paragraphs = [*methods_paragraphs(evaluation), results_paragraph(evaluation)]
    listed = element("ol", *(element("li", source) for source in references(evaluation)), class_="references")
    return section("For the paper", *(paragraph(text) for text in paragraphs), listed)


def _rank_products(ranks: Iterable[Mapping[str, Any]]) -> Html | None:
    rows = [(one["name"], f"{one['product']:.2f}", *(f"{rank:g}" for rank in one["ranks"].values())) for one in ranks]
    if not rows:
        return None
    models = next(iter(ranks))["ranks"]
    return details("Ranks over all models", table(("Feature", "Rank product", *models), rows))


def _drawn_side_by_side(
    drawn: Mapping[str, EvaluationFigure], begin: str, at_least_px: int, words: str, class_: str
) -> Html:
    shown = ((one.model or "", one.html(class_)) for key, one in drawn.items() if key.startswith(begin))
    return _side_by_side(shown, at_least_px, words)


def _side_by_side(shown: Iterable[tuple[str, Html]], at_least_px: int, words: str) -> Html:
    blocks = [element("div", element("h3", name), one) for name, one in shown]
    return join([columns(*blocks, at_least_px=at_least_px), paragraph(words, class_="caption")])


def _plot_px(shown: Collection[object]) -> int:
    """Return how wide plots are at least: up to four stand in a row, more in rows of three."""
    return 240 if len(shown) <= 4 else 300


def _ranges(ends: Iterable[tuple[float, float]]) -> str | None:
    return ", ".join(f"{low:.2f} to {high:.2f}" if low < high else f"{low:.2f}" for low, high in ends) or None
