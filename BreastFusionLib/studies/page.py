"""A study as one page: its tables beside the paper's, what differs, what is known of phantoms, and how it was made."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import asdict

from BreastFusionLib.cohort.table import SPLITS
from BreastFusionLib.evaluation.intervals import NO_INTERVALS
from BreastFusionLib.report.course_figures import training_figure
from BreastFusionLib.report.discrimination_figures import auc_figure, roc_figure
from BreastFusionLib.report.evaluation_captions import importance_caption, interval_words, said_once
from BreastFusionLib.report.evaluation_cohort import cohort_table
from BreastFusionLib.report.evaluation_page import confusion_block
from BreastFusionLib.report.example_cases import examples_block
from BreastFusionLib.report.forest_figures import MOST_FEATURES, importance_figure
from BreastFusionLib.report.numbers import counted
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
    tiles,
    warnings,
)
from BreastFusionLib.report.style import ACCENT, inline_svg
from BreastFusionLib.studies.clock import duration
from BreastFusionLib.studies.examples import Examples
from BreastFusionLib.studies.results import StudyResults
from BreastFusionLib.studies.run import StudyRuns
from BreastFusionLib.studies.study import BEST, VIEWS
from BreastFusionLib.studies.table import StudyTable
from BreastFusionLib.studies.truth import EFFECTS

__all__ = ["notes_of", "study_html"]

SYNTHETIC = (
    "The cases are phantoms: computed, not scanned. The numbers show that the software works, and nothing about "
    "patients."
)


def study_html(results: StudyResults, machine: Mapping[str, str], examples: Mapping[str, Examples]) -> str:
    """Return the study's page.

    Args:
        results: of `study_results`.
        machine: what it was made on and with, word -> value.
        examples: of `example_pictures`.
    """
    runs = results.runs
    tables = {one.file: one for one in results.tables}
    every = tables.pop("runs")
    main = next(one.file for one in runs.plan.study.tables if one.file in tables)
    drawn = {main: _models_section, runs.plan.study.importance_table[0]: _importance_section}
    blocks = [drawn[file](results, one) if file in drawn else _section_of(one) for file, one in tables.items()]
    blocks += _truth_sections(results)
    if runs.plan.study.decisions:
        blocks.append(_decisions_section(results))
    if examples:
        blocks.append(_maps_section(examples))
    blocks.append(_cohort_section(results))
    blocks.append(_training_section(results, every))
    blocks.append(_methods_section(results, machine))
    return page(
        f"Study {runs.plan.title}",
        tiles(_facts(results)),
        disclaimer(),
        warnings(notes_of(results)),
        *blocks,
        subtitle=f"After {runs.plan.study.source}",
        eyebrow="BreastFusion study",
    )


def notes_of(results: StudyResults) -> list[str]:
    """Return the sentences that must be read with the results."""
    runs = results.runs
    notes = [SYNTHETIC] if results.synthetic else []
    small, changed = runs.plan.size == "small", runs.plan.overrides
    notes += [runs.plan.study.small_words] if small else []
    if changed:
        size = "small size" if small else "paper"
        notes.append(f"The caller set in all models, in place of what the {size} has: {', '.join(changed)}.")
    names = {model.key: model.name for model in runs.plan.models}
    notes += [f"{names[key]} is missing: {reason}" for key, reason in runs.failures.items()]
    failed = int((runs.prepared["status"] == "failed").sum())
    if failed:
        notes.append(f"{failed} of {len(runs.prepared)} cases could not be prepared and are left out.")
    # Else the columns of P values and the brackets stay empty, and the reason is folded away below.
    notes += [note for note in results.evaluations[BEST]["notes"] if note.startswith(NO_INTERVALS)]
    absent = [one.name for one in runs.plan.study.experiments if one.key not in names]
    return notes + ([f"Not asked for, and so not here: {', '.join(absent)}."] if absent else [])


def _facts(results: StudyResults) -> list[tuple[str, str]]:
    runs, evaluation = results.runs, results.evaluations[BEST]
    counts = runs.cohort.table["split"].value_counts()
    best = max(runs.models, key=lambda model: evaluation["models"][model.name]["auc_delong"]["value"])
    facts = [
        (" / ".join(f"{counts.get(split, 0):,}" for split in SPLITS), "cases: training, "
         "validation, test"),
        (f"{len(runs.models)} × {runs.plan.runs}", f"{'models and runs' if runs.plan.runs > 1 else 'models'} trained"),
        (f"{evaluation['models'][best.name]['auc_delong']['value']:.3f}", f"AUC of {best.name}, the best"),
    ]  # fmt: skip
    if results.truth is not None:
        facts.append((f"{results.truth.ideal[best.key]['auc_delong']['value']:.3f}", "AUC of the ideal observer of the "
                      "same sources"))  # fmt: skip
    return [*facts, (duration(sum(runs.seconds.values())), "for everything on this page")]


def _cohort_section(results: StudyResults) -> Html:
    runs = results.runs
    return section(runs.plan.titled("Table 1. The cases of each split"), cohort_table(results.cohort))


def _models_section(results: StudyResults, shown: StudyTable) -> Html:
    """Return the main table with its models' curves."""
    names = [row["model"] for row in shown.rows]
    study = results.runs.plan.study
    # The figures show the interval that stands in the table.
    models = {
        name: {**model, "auc_delong": model[study.area]}
        for name, model in results.evaluations[BEST]["models"].items()
        if name in names
    }
    ideal = None
    if results.truth is not None:
        last = next(model for model in results.runs.models if model.name == names[-1])
        ideal = results.truth.ideal[last.key]
    interval = interval_words(results.evaluations[BEST], None if study.test == "delong" else study.test)
    curves = columns(
        figure(inline_svg(roc_figure(models, ideal), "ROC curves"), class_="plot"),
        figure(inline_svg(auc_figure(models, ideal, interval), "AUC of each model"), class_="plot"),
        at_least_px=340,
    )
    words = None
    if ideal is not None:
        words = paragraph(f"Dashed: the ideal observer of what {names[-1]} sees.", class_="caption")
    notes = details("Notes of the evaluation", bullets(said_once(results.evaluations[BEST]["notes"])))
    return section(shown.title, shown.html(), curves, words, notes)


def _section_of(shown: StudyTable) -> Html:
    return section(shown.title, shown.html())


def _importance_section(results: StudyResults, shown: StudyTable) -> Html:
    runs = results.runs
    names = {model.key: model.name for model in runs.models}
    titles = {column.name: column.words for model in runs.models for column in model.recipe.inputs.clinical}
    features = {
        key: [{**asdict(one), "name": titles.get(one.name, one.name), "shuffles": len(one.losses)} for one in found]
        for key, found in results.importance.items()
    }
    plots = []
    for key, found in features.items():
        drawn = inline_svg(importance_figure(found, ACCENT), f"Importance of columns to {names[key]}")
        plots.append(element("div", element("h3", names[key]), figure(drawn, class_="plot")))
    words = paragraph(importance_caption(list(features.values()), MOST_FEATURES), class_="caption")
    return section(shown.title, shown.html(), columns(*plots, at_least_px=340), words, _effects(results, titles))


def _effects(results: StudyResults, titles: Mapping[str, str]) -> Html | None:
    """Say which columns are made to matter, where the cases are phantoms with a known truth."""
    if results.truth is None:
        return None
    known = [(titles[name], f"{effect:.2f}") for name, effect in EFFECTS.items() if name in titles]
    words = (
        "What the columns are made to know: malignant and benign phantoms differ in these by so many standard "
        "deviations, and in no other column of the patient or the scanner. Measures of the projection follow the "
        "lesion as far as it shows on it."
    )
    return table(("Column", "Effect"), known, caption=words)


def _truth_sections(results: StudyResults) -> list[Html]:
    if results.truth is None:
        return []
    return [_section_of(results.truth.table), _section_of(results.truth.calibration)]


def _decisions_section(results: StudyResults) -> Html:
    matrices = confusion_block(results.evaluations[BEST]["models"], ("benign", "malignant"))
    return section("Confusion matrices", matrices, lead="Each model's decisions at a probability of .5.")


def _maps_section(examples: Mapping[str, Examples]) -> Html:
    blocks = []
    for name, one in examples.items():
        blocks += [element("h3", name), examples_block(one.evaluation, one.pictures)]
    lead = "What a model looked at: class activation maps of test cases of which it was surest."
    return section("Class activation maps", *blocks, lead=lead)


def _training_section(results: StudyResults, every: StudyTable) -> Html:
    runs = results.runs
    plots = []
    for model in runs.models:
        with runs.found[model.key].best.log.open(newline="", encoding="utf-8") as stream:
            log = list(csv.DictReader(stream))
        drawn = inline_svg(training_figure(log), f"Loss while {model.name} was trained")
        plots.append(element("div", element("h3", model.name), figure(drawn, class_="plot medium")))
    monitor = runs.plan.first.training.monitor
    kept = "" if monitor == "validation_loss" else f"; kept is the one with the best {monitor.replace('_auc', ' AUC')}"
    words = paragraph(f"The dot is the epoch with the lowest validation loss{kept}.", class_="caption")
    return section("Training", columns(*plots, at_least_px=240), words, details(every.title, every.html()),
                   lead="Loss of the best run of each model.")  # fmt: skip


def _methods_section(results: StudyResults, machine: Mapping[str, str]) -> Html:
    runs = results.runs
    parts = [(stage, duration(seconds)) for stage, seconds in runs.seconds.items()]
    return section(
        "How it was made",
        element("h3", "Differences from the paper"),
        bullets(runs.plan.study.differs),
        columns(
            table(("Made with", ""), list(machine.items()), text_columns=2),
            table(("Stage", "Time"), parts),
            at_least_px=340,
        ),
        element("h3", "More"),
        bullets(_links(runs, results.evaluations)),
    )


def _links(runs: StudyRuns, views: Iterable[str]) -> list[Html]:
    """Return links to what lies beside the page."""
    found = [
        join([element("a", f"Full evaluation, {VIEWS[view]}", href=f"evaluation/{view}/report.html"),
              ": precision-recall and decision curves, calibration, all pairs of models, methods and references."])
        for view in views
    ]  # fmt: skip
    found.append(join([element("a", "tables.md", href="tables.md"), ", and each table as CSV beside it."]))
    found.append(join([element("a", "study.json", href="study.json"), ": everything, for programs."]))
    folder = counted(len(runs.models), "folder")
    found.append(join([f"runs/: {folder} of runs with their bundles, settings and logs."]))
    return found
