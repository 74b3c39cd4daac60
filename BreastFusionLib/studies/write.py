"""The folder of a study: page, tables, and one object with everything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from BreastFusionLib import DISCLAIMER
from BreastFusionLib.files import write_json, write_text
from BreastFusionLib.report import write_evaluation_page
from BreastFusionLib.studies.examples import example_pictures
from BreastFusionLib.studies.folder import SECONDS
from BreastFusionLib.studies.machine import machine
from BreastFusionLib.studies.page import notes_of, study_html
from BreastFusionLib.studies.results import StudyResults, study_results
from BreastFusionLib.studies.run import StudyRuns
from BreastFusionLib.studies.stages import Stages
from BreastFusionLib.studies.table import StudyTable

__all__ = ["PAGE", "STUDY", "finish_study"]

PAGE, STUDY = "report.html", "study.json"
SCHEMA = "breastfusion.study/1"


def finish_study(runs: StudyRuns, device: str = "auto") -> dict[str, Any]:
    """Measure what was trained and write the study's page, tables and study.json; return what that holds.

    Args:
        runs: of `run_study`.
        device: where networks run for importance and maps.

    Raises:
        InputError: nothing was trained.
    """
    stages = Stages(runs.folder / SECONDS)
    results = study_results(runs, stages, device)
    with stages.timed("maps, figures, pages"):
        examples = example_pictures(results, device)
        for view, evaluation in results.evaluations.items():
            write_evaluation_page(evaluation, runs.folder / "evaluation" / view)
    runs.seconds.update(stages.seconds)
    made = machine(device)
    tables = _tables(results)
    for table in tables:
        write_text(runs.folder / f"{table.file}.csv", table.csv())
    heading = f"# Study {runs.plan.title}\n\n{DISCLAIMER}\n\n" + "".join(f"- {note}\n" for note in notes_of(results))
    write_text(runs.folder / "tables.md", "\n".join([heading, *(table.markdown() for table in tables)]))
    write_text(runs.folder / PAGE, study_html(results, made, examples))
    content = _content(results, made)
    write_json(runs.folder / STUDY, content)
    return content


def _tables(results: StudyResults) -> list[StudyTable]:
    truth = results.truth
    return [*results.tables, *([truth.table, truth.calibration] if truth is not None else [])]


def _content(results: StudyResults, made: Mapping[str, str]) -> dict[str, Any]:
    runs = results.runs
    counts = runs.cohort.table.groupby("split")["label"].agg(["size", "sum"])
    return {
        "schema": SCHEMA,
        "study": runs.plan.study.name,
        "title": f"Study {runs.plan.title}",
        "size": runs.plan.size,
        "settings": list(runs.plan.overrides),
        "source": runs.plan.study.source,
        "disclaimer": DISCLAIMER,
        "synthetic": results.synthetic,
        "runs_of_each_model": runs.plan.runs,
        "cases": {
            str(split): {"cases": int(row["size"]), "positives": int(row["sum"])} for split, row in counts.iterrows()
        },
        "cohort": results.cohort,
        "cases_failed": int((runs.prepared["status"] == "failed").sum()),
        "models": {
            model.key: {
                "name": model.name,
                "recipe": model.recipe.resolved(),
                "folder": str(runs.found[model.key].folder.relative_to(runs.folder)),
                "best_run": runs.found[model.key].best.folder.name,
            }
            for model in runs.models
        },
        "failures": runs.failures,
        "notes": notes_of(results),
        "tables": {table.file: table.to_mapping() for table in _tables(results)},
        "evaluations": {view: f"evaluation/{view}/evaluation.json" for view in results.evaluations},
        "report": PAGE,
        "machine": made,
        "seconds": runs.seconds,
    }
