"""Example cases of an evaluation: the surest right and wrong decisions, with lesion and map where there are any."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from BreastFusionLib.errors import InputError
from BreastFusionLib.reading.recipe import PROJECTION
from BreastFusionLib.report.page import Html, details, element, join, table
from BreastFusionLib.report.pictures import METHOD_WORDS, LesionPictures, center_lps
from BreastFusionLib.report.projection_pictures import projection_view
from BreastFusionLib.report.slices import SliceView, slice_panel

__all__ = ["ExamplePictures", "examples_block", "find_pictures"]

KINDS = {
    "true_positives": "Rightly called positive (true positives)",
    "false_positives": "Wrongly called positive (false positives)",
    "false_negatives": "Missed: wrongly called negative (false negatives)",
    "true_negatives": "Rightly called negative (true negatives)",
}
_PREFERRED = "gradcam++"
_SIDE_MM = 60.0
# Three cases stand in one row, each with its map beside it.
_PAIR_PX = 160
# A reading of the same model and case differs from its score by rounding only.
_SAME_SCORE = 0.005


@dataclass(frozen=True)
class ExamplePictures:
    """What is known of cases beside their scores.

    Attributes:
        pictures: case -> its exam, lesion and maps.
        readings: case -> its reading, where there is one.
        missing: sentences about cases whose pictures could not be read.
    """

    pictures: Mapping[str, LesionPictures] = field(default_factory=dict)
    readings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


def find_pictures(
    evaluation: Mapping[str, Any], cohort: str | Path | None, readings: str | Path | None
) -> ExamplePictures:
    """Read the exams, lesions and maps of the example cases of the last model.

    Args:
        evaluation: of `evaluate_predictions`.
        cohort: table of cases with their exams and lesions; None where there is none.
        readings: folder of reading folders, at any depth; None where there is none.
    """
    last = list(evaluation["models"].values())[-1]
    wanted = {case["case_id"]: case["score"] for cases in last.get("examples", {}).values() for case in cases}
    found = _readings(Path(readings), wanted) if readings is not None else {}
    exams = _exams(Path(readings)) if readings is not None else {}
    pictures, missing = {}, []
    for case_id in sorted(wanted):
        folder = found.get(case_id)
        try:
            of_case = _pictures(case_id, folder, cohort, exams)
        except (InputError, OSError, RuntimeError, ValueError) as error:  # one broken exam is no reason for no report
            missing.append(f"{case_id}: no picture. {error}")
            continue
        if of_case is not None:
            pictures[case_id] = of_case
    content = {case_id: _reading(folder) for case_id, folder in found.items()}
    return ExamplePictures(pictures, content, tuple(missing))


def examples_block(evaluation: Mapping[str, Any], shown: ExamplePictures) -> Html:
    """Return the example cases of the last model with their pictures, and those of the others as tables.

    Args:
        evaluation: of `evaluate_predictions`.
        shown: of `find_pictures`.
    """
    models = {name: model for name, model in evaluation["models"].items() if model.get("examples")}
    last = list(models)[-1]
    found = models[last]["examples"]
    blocks: list[Html | None] = [element("h3", last) if len(models) > 1 else None]
    if shown.pictures:
        blocks += [_pictured(words, found[kind], shown) for kind, words in KINDS.items() if found[kind]]
        blocks.append(element("p", _picture_words(shown), class_="caption"))
        blocks += [element("p", sentence, class_="caption") for sentence in shown.missing]
    else:
        blocks.append(_listed(found))
    others = [join([element("h3", name), _listed(model["examples"])]) for name, model in models.items() if name != last]
    return join([*blocks, details("Example cases of the other models", *others) if others else None])


def _pictured(words: str, cases: Sequence[Mapping[str, Any]], shown: ExamplePictures) -> Html:
    panels = []
    for case in cases:
        case_id, said = case["case_id"], f"score {case['score']:.3f}"
        reading, pictures = shown.readings.get(case_id), shown.pictures.get(case_id)
        if reading is not None and reading["probability"] is not None:
            other = reading["probability"]
            if abs(other - case["score"]) > _SAME_SCORE:
                said += f"; the map is of {reading['bundle']['name']}, which says {other:.3f}"
        if pictures is None:
            panels.append(element("figure", element("figcaption", element("b", case_id), f" {said}")))
            continue
        panels += _panels(case_id, said, pictures)
    width_px = _PAIR_PX if any(one.maps for one in shown.pictures.values()) else 220
    grid = element("div", *panels, class_="columns slices", style=f"--least:{width_px}px")
    return join([element("h3", words), grid])


def _picture_words(shown: ExamplePictures) -> str:
    """Return what is seen on the pictures."""
    pictures = list(shown.pictures.values())
    mapped = any(one.maps for one in pictures)
    if any(one.masks for one in pictures):
        place = "through the middle of the map" if mapped else "with most of the lesion"
        words = f"The slice {place}, after contrast, with the lesion's outline"
    else:
        words = "The projection as the model saw it"
    if mapped:
        words += "; beside it the same with the map: the stronger the orange, the more a change there would change the "
        words += "score"
    synthetic = any(one.exam.synthetic for one in pictures)
    return f"{words}." + (" These exams are phantoms: computed, not scanned." if synthetic else "")


def _panels(case_id: str, said: str, pictures: LesionPictures) -> list[Html]:
    """Return the lesion or the projection, and beside it the same with its map where there is one."""
    source = "dce" if "dce" in pictures.masks else PROJECTION
    methods = [method for sequence, method in pictures.maps if sequence == source]
    method = _PREFERRED if _PREFERRED in methods else next(iter(methods), None)
    overlay = pictures.maps[source, method] if method is not None else None
    if source == "dce":
        center = center_lps(overlay) if overlay is not None else None
        view = SliceView.of(pictures.image("dce"), pictures.masks["dce"], center)
        side_mm, level = max(_SIDE_MM, 1.6 * view.extent_mm), None
    else:
        assert pictures.projection is not None
        view, side_mm, level = projection_view(pictures.projection, None), None, (0.0, 1.0)
    panels = [slice_panel(view, case_id, said, side_mm, level=level, shown_px=_PAIR_PX)]
    if method is not None:
        panels.append(slice_panel(view, METHOD_WORDS.get(method, method), f"of {case_id}", side_mm, overlay,
                                  level=level, shown_px=_PAIR_PX))  # fmt: skip
    return panels


def _listed(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> Html:
    number = max(len(cases) for cases in found.values())
    rows = [
        (words, *(join([f"{case['case_id']} ", element("small", f"{case['score']:.3f}")]) for case in found[kind]),
         *[""] * (number - len(found[kind])))
        for kind, words in KINDS.items()
    ]  # fmt: skip
    return table(("Decision", "Case and score", *[""] * (number - 1)), rows, text_columns=1 + number)


def _readings(folder: Path, scores: Mapping[str, float]) -> dict[str, Path]:
    """Return case -> folder of its reading.

    A reading names its case, or is named like it; one of many readings names exam and lesion ('P1/L2'): where an exam
    has several lesions, the reading whose probability is nearest to the case's score is the case's own.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: --readings expects the folder that holds the readings.")
    fitting: dict[str, list[tuple[bool, float, Path]]] = {}
    for path in sorted(folder.rglob("reading.json")):
        reading = _reading(path.parent)
        named = str(reading.get("case_id"))
        for case_id in {named, named.partition("/")[0], path.parent.name} & scores.keys():
            probability = reading.get("probability")
            distance = 1.0 if probability is None else abs(probability - scores[case_id])
            fitting.setdefault(case_id, []).append((named != case_id, distance, path.parent))
    return {case_id: min(candidates)[-1] for case_id, candidates in fitting.items()}


def _reading(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "reading.json").read_text(encoding="utf-8"))


def _exams(folder: Path) -> dict[Path, tuple[Path, str]]:
    """Return folder of a reading -> (exam, lesion), as the table of a batch of readings names them."""
    table = folder / "readings.csv"
    if not table.is_file():
        return {}
    with table.open(newline="", encoding="utf-8-sig") as stream:
        rows = [row for row in csv.DictReader(stream) if row.get("folder")]
    return {folder / row["folder"]: (Path(row["exam"]), row["lesion"]) for row in rows}


def _pictures(
    case_id: str, folder: Path | None, cohort: str | Path | None, exams: Mapping[Path, tuple[Path, str]]
) -> LesionPictures | None:
    from BreastFusionLib.cohort import read_cohort
    from BreastFusionLib.exam import read_exam, read_lesion_files
    from BreastFusionLib.lesion import read_lesion

    if cohort is not None:
        case = read_cohort(cohort).case(case_id)
        exam, masks = case.exam, {"dce": case.lesion.mask} if case.lesion is not None else {}
    elif folder is not None and folder in exams:
        path, lesion_id = exams[folder]
        exam = read_exam(path)
        masks = {"dce": read_lesion(read_lesion_files(path)[lesion_id], exam).mask}
    else:
        return None
    if folder is None:
        return LesionPictures(exam, masks, {}, {}) if masks else None
    reading = _reading(folder)
    maps: dict[tuple[str, str], sitk.Image] = {}
    cells: dict[str, tuple[float, float]] = {}
    for row in reading["maps"]:
        if row["sequence"] in ("dce", PROJECTION):
            maps[row["sequence"], row["method"]] = sitk.ReadImage(str(folder / Path(row["file"]).name))
            cells[row["sequence"]] = tuple(row["cell_size_mm"])
    named = reading.get("projection")  # readings of earlier versions name none
    projection = sitk.ReadImage(str(folder / Path(named["file"]).name)) if named else None
    return LesionPictures(exam, masks, maps, cells, projection) if masks or projection is not None else None
