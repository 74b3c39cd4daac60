"""The demo: everything on a phantom cohort, from making the exams to a report; called again, it continues."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from BreastFusionLib.cli.output import messages, progress_bar, warn

if TYPE_CHECKING:
    from BreastFusionLib.studies.stages import Stages

__all__ = ["run_demo"]

# Words on the report -> recipe, from the simple to the complete.
MODELS = {
    "T1": "demo-t1",
    "T2": "demo-t2",
    "DCE": "demo-dce",
    "DCE + T1 + T2": "demo-dce-t1-t2",
    "DCE + T1 + T2 + radiomics": "demo-dce-t1-t2-rad",
    "Fusion": "demo",
}
EXAMS = 240
SEED = 2024
# The ideal observer's knowledge, in the columns of the phantoms' truth.csv.
IDEAL = {source: f"llr_{source}" for source in ("all", "shape_texture", "kinetics", "t2", "clinical")}
NOTES = (
    "All exams are synthetic: the numbers show that the software works, and nothing about patients.",
    "The test set is small, so intervals are wide; a study would take hundreds of cases.",
    "Networks trained from nothing on so few exams see little in a single sequence; the recipes meant for patients "
    "start from ImageNet weights.",
)


def run_demo(out: Path, exams: int = EXAMS, workers: int = 2) -> Path:
    """Make a phantom cohort, train the models, evaluate them, read one case.

    Args:
        out: folder of everything; a second call continues where the first stopped.
        exams: size of the cohort.
        workers: local processes that make the exams and prepare the cases.

    Returns:
        The path of the report.
    """
    from BreastFusionLib.report import DemoStory, write_demo_page
    from BreastFusionLib.studies.stages import Stages

    stages = Stages(out / "seconds.json", tell=messages.print)
    with stages.timed("phantom exams"), progress_bar("phantom exams") as progress:
        from BreastFusionLib.phantom import write_cohort

        table = write_cohort(out / "phantoms", exams, SEED, small=True, progress=progress, workers=workers)
    runs = _train(out, table, workers, stages)
    with stages.timed("evaluation"):
        tests = {name: pd.read_csv(run.test_predictions) for name, run in runs.items()}
        evaluation, ideal = _evaluate(tests, out / "phantoms" / "truth.csv")
    with stages.timed("one reading"):
        example = _read_one(out, runs["Fusion"].bundle, table, tests["Fusion"])
    splits = pd.read_csv(runs["Fusion"].predictions)["split"].value_counts()
    story = DemoStory(
        cohort={
            "exams": exams,
            "positives": int(pd.read_csv(table)["label"].sum()),
            **{split: int(splits[split]) for split in ("train", "validation", "test")},
        },
        evaluation=evaluation,
        ideal=ideal,
        training={name: _rows(run.log) for name, run in runs.items()},
        seconds=stages.seconds,
        notes=NOTES,
        **example,
    )
    return write_demo_page(story, out / "report.html")


def _train(out: Path, table: Path, workers: int, stages: Stages) -> dict[str, Any]:
    """Train all models on one shared preparation; return their runs by the words on the report."""
    from BreastFusionLib.cohort import compute_inputs, covering, read_cohort
    from BreastFusionLib.training import load_recipe, train

    cohort = read_cohort(table)
    recipes = {name: load_recipe(recipe) for name, recipe in MODELS.items()}
    shared = covering([recipe.inputs for recipe in recipes.values()])
    with stages.timed("mapping, radiomics, kinetics, patches"), progress_bar("measurements") as progress:
        compute_inputs(cohort, shared, workers=workers, progress=progress)
    runs = {}
    for name, recipe in recipes.items():
        with stages.timed(f"training {name}"), progress_bar(f"training {name}") as progress:
            folder = out / "runs" / recipe.name
            runs[name] = train(recipe, cohort, folder, epoch_progress=progress, prepare_as=shared)
    return runs


def _evaluate(tests: dict[str, pd.DataFrame], truth: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Evaluate the models, and the ideal observer, on the test cases."""
    from BreastFusionLib.evaluation import evaluate_scores

    case_ids = list(next(iter(tests.values()))["case_id"])
    tests = {name: table.set_index("case_id").loc[case_ids] for name, table in tests.items()}
    labels = next(iter(tests.values()))["label"]
    known = pd.read_csv(truth).set_index("case_id").loc[case_ids]
    evaluation = evaluate_scores(labels, {name: table["score"] for name, table in tests.items()})
    return evaluation, evaluate_scores(labels, {name: known[column] for name, column in IDEAL.items()}, threshold=0.0)


def _read_one(out: Path, bundle: Path, table: Path, test: pd.DataFrame) -> dict[str, Any]:
    """Read a malignant test case with the complete model, as a user would; return what the report tells of it."""
    from BreastFusionLib.cohort import read_cohort
    from BreastFusionLib.exam.breast import breast_mask
    from BreastFusionLib.reading import Reader, load_bundle
    from BreastFusionLib.report import LesionPictures, SurfaceError, render_surfaces, write_reading_page

    case = read_cohort(table).case(test.loc[test["label"] == 1, "case_id"].iloc[0])
    reading = Reader(load_bundle(bundle)).read(case)
    reading.write(out / "reading")
    write_reading_page(reading.to_mapping(), case.exam, case.lesion, out / "reading")
    masks = {"dce": case.lesion.mask} | {name: mapped.mask for name, mapped in reading.inputs.mapped.items()}
    try:
        surfaces = render_surfaces(case.lesion.mask, breast_mask(case.exam.dce.phase(0).image))
    except SurfaceError as error:
        warn(f"No surfaces in the report: {error}")
        surfaces = {}
    return {
        "reading": reading.to_mapping(),
        "pictures": LesionPictures(case.exam, masks, reading.evidence.maps, reading.evidence.cell_size_mm),
        "truth": "malignant",
        "surfaces": surfaces,
    }


def _rows(log: Path) -> Sequence[dict[str, str]]:
    with log.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))
