"""The demo's report: from an exam to an evaluated model, told for someone who sees it for the first time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from BreastFusionLib.files import write_text
from BreastFusionLib.report.course_figures import training_figure
from BreastFusionLib.report.evaluation_page import (
    comparisons_table,
    confusion_block,
    methods_sentence,
    models_table,
    roc_block,
)
from BreastFusionLib.report.page import (
    Html,
    code,
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
from BreastFusionLib.report.pictures import LesionPictures, exam_panels, map_panels, surface_figure
from BreastFusionLib.report.reading_page import features_block, kinetics_block, result_block
from BreastFusionLib.report.style import inline_svg
from BreastFusionLib.report.surface import SurfacePicture

__all__ = ["DemoStory", "demo_html", "write_demo_page"]


@dataclass(frozen=True)
class DemoStory:
    """Everything that the demo's report shows.

    Attributes:
        cohort: 'exams', 'positives', and the cases in 'train', 'validation', 'test'.
        evaluation: `evaluate_scores` of the models on the test cases, named for the screen, from the simple to the
            complete.
        ideal: `evaluate_scores` of the ideal observer on the same cases: what all sources tell together under 'all',
            and what each tells alone under its name.
        training: model -> rows of its log.csv.
        reading: `Reading.to_mapping()` of one test case with the complete model.
        pictures: that case's exam, lesion and maps.
        truth: the words of that case's true class.
        surfaces: 'lesion' and 'breast', as rendered; empty where this machine cannot render.
        seconds: stage -> time that the demo took.
        classes: words for label 0 and label 1.
        notes: sentences to be read with the results.
    """

    cohort: Mapping[str, int]
    evaluation: Mapping[str, Any]
    ideal: Mapping[str, Any]
    training: Mapping[str, Sequence[Mapping[str, Any]]]
    reading: Mapping[str, Any]
    pictures: LesionPictures
    truth: str
    surfaces: Mapping[str, SurfacePicture] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    classes: tuple[str, str] = ("benign", "malignant")
    notes: Sequence[str] = ()


def write_demo_page(story: DemoStory, path: str | Path) -> Path:
    """Write the demo's report to `path` and return it."""
    return write_text(path, demo_html(story))


def demo_html(story: DemoStory) -> str:
    """Return the demo's report."""
    return page(
        "From an exam to a fused reading",
        _opening(story),
        section("One exam, one lesion", _exam_block(story), lead=_EXAM_LEAD),
        section("How contrast comes and goes", kinetics_block(story.reading["kinetics"]), lead=_KINETICS_LEAD),
        section("What each source is worth", *_models_blocks(story), lead=_models_lead(story)),
        section("Differences", *_differences_blocks(story), lead=_DIFFERENCES_LEAD),
        section("Right and wrong decisions", confusion_block(story.evaluation["models"], story.classes)),
        section("One complete reading", *_reading_blocks(story), lead=_reading_lead(story)),
        section("What is synthetic here, and what is real", _SYNTHETIC),
        section("The same with your own data", _commands_block()),
        subtitle=(
            "Radiomics, deep features and contrast kinetics of several MRI sequences, joined in one model: measured, "
            "trained, evaluated and explained on this computer in a few minutes."
        ),
        eyebrow="BreastFusion demo",
    )


_EXAM_LEAD = (
    "An exam has several sequences, each on a grid of its own. The lesion is drawn once, on the contrast-enhanced "
    "series (DCE), and carried over to T1 and T2 through the patient's space."
)
_KINETICS_LEAD = (
    "Malignant lesions tend to take up contrast fast and to give it back early. Radiologists call that wash-out; here "
    "it is measured, and it is one of the sources that the model joins."
)
_DIFFERENCES_LEAD = (
    "All models saw the same test cases, so their differences are tested in pairs. With few test cases only large "
    "differences can be told from chance."
)
_SYNTHETIC = join([
    paragraph(
        "Every exam on this page is a phantom: computed, not scanned. Its benign and malignant lesions differ in "
        "outline, texture, enhancement, T2 brightness, size and age, in distributions that overlap, so that no reader "
        "can be always right. The ideal observer knows those distributions; no model can be better on average."
    ),
    paragraph(
        "What is real is the way: the same code reads, measures, trains and evaluates on real exams. The models "
        "trained here have learned phantoms. On a patient they say so instead of giving a probability."
    ),
])  # fmt: skip


_SOURCE_WORDS = {
    "shape_texture": "Shape and texture",
    "kinetics": "Contrast kinetics",
    "t2": "T2 brightness",
    "clinical": "Clinical data",
}


def _opening(story: DemoStory) -> Html:
    cohort, models = story.cohort, story.evaluation["models"]
    best = list(models)[-1]
    ideal = story.ideal["models"]["all"]["auc_delong"]["value"]
    facts = [
        (f"{cohort['exams']}", f"synthetic exams, {cohort['positives']} with a {story.classes[1]} lesion"),
        (f"{cohort['train']} / {cohort['validation']} / {cohort['test']}", "for training, validation and test"),
        (f"{models[best]['auc_delong']['value']:.3f}", f"AUC of {best}"),
        (f"{ideal:.3f}", "AUC of the ideal observer, the most that can be known"),
    ]
    if story.seconds:
        facts.append((_duration(sum(story.seconds.values())), "for everything on this page"))
    return join([tiles(facts), disclaimer(), warnings(story.notes)])


def _exam_block(story: DemoStory) -> Html:
    shown = []
    if "lesion" in story.surfaces:
        words = "The lesion's surface, from the front, a little above and the patient's left."
        shown.append(surface_figure(story.surfaces["lesion"], words))
    if "breast" in story.surfaces:
        shown.append(surface_figure(story.surfaces["breast"], "The same lesion in its place."))
    surfaces = columns(*shown, at_least_px=320) if shown else None
    return join([exam_panels(story.pictures), surfaces])


def _models_lead(story: DemoStory) -> str:
    first = next(iter(story.evaluation["models"].values()))
    return (
        "The same small network, trained with one sequence, with all, and with measured numbers beside them; tested on "
        f"{first['n']} cases that it has never seen. The dashed line is the ideal observer."
    )


def _models_blocks(story: DemoStory) -> list[Html]:
    models, ideal = story.evaluation["models"], story.ideal["models"]
    alone = [
        (_SOURCE_WORDS.get(name, name.replace("_", " ")), f"{model['auc_delong']['value']:.3f}")
        for name, model in ideal.items()
        if name != "all"
    ]
    worth = table(("What the ideal observer could know from one source alone", "AUC"), alone) if alone else None
    curves = [
        figure(inline_svg(training_figure(log, name), f"Loss while {name} was trained"), class_="plot")
        for name, log in story.training.items()
    ]
    return [
        models_table(models, ideal["all"]),
        roc_block(models, ideal["all"], worth),
        paragraph(methods_sentence(story.evaluation), class_="caption"),
        warnings(story.evaluation["notes"]),
        details("How the networks were trained", columns(*curves, at_least_px=230)) if curves else Html(""),
    ]


def _differences_blocks(story: DemoStory) -> list[Html]:
    complete = list(story.evaluation["models"])[-1]
    return [
        comparisons_table(story.evaluation, against=complete),
        details("All pairs of models", comparisons_table(story.evaluation)),
    ]


def _reading_lead(story: DemoStory) -> str:
    return (
        f"The exam from above ({story.reading['case_id']}), read by the complete model, which did not see it in "
        f"training. The truth: {story.truth}."
    )


def _reading_blocks(story: DemoStory) -> list[Html]:
    blocks = [result_block(story.reading)]
    if story.reading["maps"]:
        words = (
            "Activation maps: where a change in the picture would change the result most. They are coarse and shown "
            "so: a smooth map would promise more than is known."
        )
        blocks += [
            element("h3", "What in the images mattered"),
            map_panels(story.pictures),
            paragraph(words, class_="caption"),
        ]
    if story.reading["features"]:
        blocks += [element("h3", "Measured features"), features_block(story.reading["features"])]
    return blocks


def _commands_block() -> Html:
    return join(
        [
            paragraph("A folder of DICOM files and a mask of the lesion give the exam's measurements:"),
            code(
                "breastfusion exam STUDY/ --out EXAM/\n"
                "breastfusion lesion kinetics EXAM/ lesion.nii.gz\n"
                "breastfusion radiomics EXAM/dce_2.nii.gz lesion.nii.gz --json"
            ),
            paragraph("A table of cases (case_id, patient_id, exam, lesion, label) gives a model and its evaluation:"),
            code(
                "breastfusion train fusion --cohort cohort.csv --out RUN/\n"
                "breastfusion evaluate RUN/predictions.csv --out REPORT/\n"
                "breastfusion predict --bundle RUN/bundle --exam EXAM/ --lesion lesion.nii.gz --out READING/"
            ),
        ]
    )


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.1f} min"
