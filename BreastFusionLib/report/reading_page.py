"""One complete reading as a page, from `Reading.to_mapping()` and the pictures that go with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from BreastFusionLib.exam.model import Exam
from BreastFusionLib.files import write_text
from BreastFusionLib.lesion.model import Lesion
from BreastFusionLib.reading.reading_folder import PAGE
from BreastFusionLib.reading.recipe import PROJECTION, SOURCE_WORDS
from BreastFusionLib.report.course_figures import time_intensity_figure
from BreastFusionLib.report.page import (
    Html,
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
from BreastFusionLib.report.pictures import LesionPictures, exam_panels, map_panels
from BreastFusionLib.report.probability_figure import probability_scale
from BreastFusionLib.report.projection_pictures import projection_panels
from BreastFusionLib.report.style import inline_svg

__all__ = [
    "features_block",
    "kinetics_block",
    "reading_html",
    "result_block",
    "weights_words",
    "write_reading_page",
]

_FEATURES_SHOWN = 12


def write_reading_page(reading: Mapping[str, Any], exam: Exam, lesion: Lesion | None, folder: str | Path) -> Path:
    """Write report.html beside a reading that `Reading.write` left in `folder`.

    Args:
        reading: `Reading.to_mapping()`, or the content of reading.json.
        exam: the exam that was read.
        lesion: as drawn on its DCE series; None for a whole breast.
        folder: holds the maps, masks and projection that the reading names.

    Returns:
        The path of the page.
    """
    folder = Path(folder)
    masks = {} if lesion is None else {"dce": lesion.mask}
    masks |= {sequence: sitk.ReadImage(str(folder / mapped["file"])) for sequence, mapped in reading["mapping"].items()}
    maps = {(row["sequence"], row["method"]): sitk.ReadImage(str(folder / row["file"])) for row in reading["maps"]}
    cells = {row["sequence"]: tuple(row["cell_size_mm"]) for row in reading["maps"]}
    named = reading.get("projection")  # readings of earlier versions name none
    projection = sitk.ReadImage(str(folder / named["file"])) if named else None
    return write_text(folder / PAGE, reading_html(reading, LesionPictures(exam, masks, maps, cells, projection)))


def reading_html(reading: Mapping[str, Any], pictures: LesionPictures) -> str:
    """Return the page of one reading.

    Args:
        reading: `Reading.to_mapping()`.
        pictures: the exam with its lesion, the breast's projection and the reading's maps.
    """
    bundle = reading["bundle"]
    origin = "phantom" if pictures.exam.synthetic else "exam"
    trained = ", trained on synthetic exams" if bundle["synthetic"] else ""
    what = "One lesion" if reading["lesion"] else f"The {reading['side']} breast"
    return page(
        f"Reading of {reading['case_id']}",
        result_block(reading),
        *(_lesion_sections(reading, pictures) if reading["lesion"] else []),
        section("The whole breast", _projection_block(reading, pictures), lead=_PROJECTION_LEAD)
        if pictures.projection is not None
        else Html(""),
        section("Measured features", features_block(reading["features"])) if reading["features"] else Html(""),
        section("Size and place", _lesion_block(reading)) if reading["lesion"] else Html(""),
        section("How this was made", _provenance_block(reading)),
        subtitle=f"{what} of one {origin}, read with the model {bundle['name']} {bundle['version']}{trained}.",
        eyebrow="BreastFusion reading",
    )


def _lesion_sections(reading: Mapping[str, Any], pictures: LesionPictures) -> list[Html]:
    sections = [
        section("The lesion on every sequence", exam_panels(pictures), lead=_SLICES_LEAD),
        section("Contrast over time", kinetics_block(reading["kinetics"])),
    ]
    if any(row["sequence"] != PROJECTION for row in reading["maps"]):
        maps = _maps_block(reading, pictures)
        sections.append(section("What the images contributed", maps, lead=_MAPS_LEAD))
    return sections


_SLICES_LEAD = (
    "Each picture shows the slice with the lesion's largest section, all close-ups at one scale. The yellow line is "
    "the lesion as drawn on DCE and carried over to the other sequences."
)
_MAPS_LEAD = (
    "Where a change in the picture would change the result most. A map has only a few cells and is the same for all "
    "slices of a patch: it points to a region, not to a voxel."
)
_PROJECTION_LEAD = (
    "The brightest enhancement along each ray through the breast, as the model saw it, and where a change in this "
    "picture would change the result most."
)


def result_block(reading: Mapping[str, Any]) -> Html:
    """Return the result: probability and each source alone on a scale, or the words that stand instead of them."""
    if reading["probability"] is None:
        result: list[Html | None] = [element("p", reading["statement"], class_="statement")]
    else:
        parts = {f"{SOURCE_WORDS.get(name, name)} alone": value for name, value in reading["parts"].items()}
        scale = probability_scale(
            reading["probability"], parts, reading["threshold"], reading["bundle"].get("prevalence")
        )
        reasons = "; ".join(reading.get("why") or ())
        weights = weights_words(reading["sources"].get("weights") or {})
        words = element(
            "div",
            element("h3", reading.get("title", "Probability")),
            element("p", f"{reading['probability']:.2f}", class_="big"),
            paragraph("At the shown threshold: ", element("b", reading["class"])) if reading["class"] else None,
            paragraph(element("b", "Why: "), reasons) if reasons else None,
            paragraph(element("b", "Weight of each source: "), weights) if weights else None,
        )
        result = [columns(words, figure(inline_svg(scale, reading["statement"]), class_="plot"))]
    greyed = reading["probability"] is not None and not reading["in_distribution"]
    return element(
        "div",
        element("div", *result, class_="greyed" if greyed else None),
        warnings(reading["warnings"]),
        disclaimer(),
        class_="result",
    )


def weights_words(weights: Mapping[str, float]) -> str:
    """Return how much each source (name -> 0..1) counted, the one that counted most first."""
    falling = sorted(weights.items(), key=lambda item: -item[1])
    return ", ".join(f"{SOURCE_WORDS.get(name, name)} {100 * value:.0f} %" for name, value in falling)


def kinetics_block(kinetics: Mapping[str, Any] | None) -> Html:
    """Return the time-intensity curve with what is read from it."""
    if kinetics is None:
        return paragraph("The exam's phases do not give a time-intensity curve.")
    rise = f"{_percent(kinetics['initial_percent'])}, {kinetics['initial_rise'] or 'timing unknown'}"
    rows = [
        ("Initial rise", rise if kinetics["initial_percent"] is not None else None),
        ("Delayed phase", _joined(kinetics["curve"], _percent(kinetics["delayed_percent"]))),
        ("Worst curve in the lesion", _joined(kinetics["worst_curve"], _share(kinetics["worst_curve_share"]))),
        ("Share with wash-out", _share(kinetics["washout_share"])),
        ("Peak enhancement", _percent(kinetics["peak_percent"])),
        ("Signal enhancement ratio", None if kinetics["ser"] is None else f"{kinetics['ser']:.2f}"),
    ]
    curve = figure(
        inline_svg(time_intensity_figure(kinetics), "Time-intensity curve of the lesion"),
        "Mean signal in the lesion. The band is a plateau (within 10 % of the initial peak).",
        class_="plot",
    )
    return columns(curve, table(("Kinetics", ""), rows))


def features_block(features: Sequence[Mapping[str, Any]]) -> Html:
    """Return the features that matter most, with their place among the training cases where that has a meaning."""
    shown = features[:_FEATURES_SHOWN]
    compared = "standardised" in shown[0]
    header = ["Feature", "Source", "Value", *(["Standardised", "Percentile in training", "Contribution"] * compared)]
    rows = []
    for row in shown:
        name = row["title"] if "title" in row else element("code", row["name"])
        cells = [name, SOURCE_WORDS.get(row["source"], row["source"]), _value(row)]
        if compared:
            cells += [
                _signed(row["standardised"]),
                _percentile(row["training_percentile"]),
                _signed(row["contribution"]),
            ]
        rows.append(cells)
    words = f"{len(shown)} of {len(features)} features"
    if compared:
        words += ", those with the largest contribution (log-odds) to the result first"
    return table(header, rows, text_columns=2, caption=words + ".")


def _maps_block(reading: Mapping[str, Any], pictures: LesionPictures) -> Html:
    methods = dict.fromkeys(row["method"] for row in reading["maps"])
    preferred = "gradcam++" if "gradcam++" in methods else next(iter(methods))
    others = [map_panels(pictures, method) for method in methods if method != preferred]
    return join([map_panels(pictures, preferred), details("The other method", *others) if others else None])


def _projection_block(reading: Mapping[str, Any], pictures: LesionPictures) -> Html:
    assert pictures.projection is not None
    panels = projection_panels(pictures.projection, pictures.masks.get("dce"), pictures.maps, pictures.cell_size_mm)
    outlined = " The yellow line is the lesion's shadow." if reading["lesion"] else ""
    return join([panels, paragraph(f"Breast: {reading['side']}.{outlined}")])


def _lesion_block(reading: Mapping[str, Any]) -> Html:
    lesion = reading["lesion"]
    rows = [
        ("Volume", f"{lesion['volume_mm3'] / 1000:.2f} cm³"),
        ("Longest diameter (3-D)", f"{lesion['diameter_3d_mm']:.1f} mm"),
        ("Longest diameter in a slice", f"{lesion['diameter_inplane_mm']:.1f} mm"),
        ("Breast", lesion["side"]),
        ("Separate parts", lesion["components"]),
    ]
    mapping = [
        (
            SOURCE_WORDS.get(sequence, sequence),
            mapped["method"],
            f"{100 * mapped['coverage']:.0f} %",
            f"{mapped['volume_mm3'] / 1000:.2f} cm³",
            f"{mapped['voxels']:,}",
            mapped["slices"],
        )
        for sequence, mapped in reading["mapping"].items()
    ]
    header = ("Sequence", "Carried over by", "Covered", "Volume", "Voxels", "Slices")
    return columns(table(("Lesion", ""), rows), table(header, mapping, text_columns=2))


def _provenance_block(reading: Mapping[str, Any]) -> Html:
    bundle = reading["bundle"]
    seconds = [(stage.replace("_", " "), f"{value:.2f} s") for stage, value in reading["seconds"].items()]
    versions = [("model", f"{bundle['name']} {bundle['version']}"), ("device", reading.get("device"))]
    versions += [(name, _flat(value)) for name, value in reading["versions"].items()]
    return columns(table(("Software", ""), versions), table(("Time", ""), seconds))


def _flat(value: Any) -> str:
    return " ".join(str(part) for part in value.values()) if isinstance(value, Mapping) else str(value)


def _percent(value: float | None) -> str | None:
    return None if value is None else f"{value:+.0f} %"


def _share(value: float | None) -> str | None:
    return None if value is None else f"{100 * value:.0f} %"


def _joined(word: str | None, number: str | None) -> str | None:
    return None if word is None else f"{word} ({number})" if number else word


def _value(row: Mapping[str, Any]) -> str | None:
    """Return a feature's number, with its unit where it has one, or a clinical level's word."""
    value = row["value"]
    if isinstance(value, str):
        return value
    number, unit = _number(value), row.get("unit")
    return f"{number} {unit}" if number and unit else number


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:,.4g}"


def _signed(value: float | None) -> str | None:
    return None if value is None else f"{value:+.2f}"


def _percentile(value: float | None) -> Html | None:
    if value is None:
        return None
    bar = element("span", element("i", style=f"left:{value:.0f}%"), class_="bar")
    return join([f"{value:.0f}", bar])
