"""How a lesion is told: its row in the table, its curve, and what is odd about it."""

from __future__ import annotations

from typing import Any

from slicer.i18n import tr as _

from BreastFusionLib.lesion import Kinetics

from ..widgets.volume_words import volume_text
from .lesion_book import Known
from .lesion_table import LesionRow

__all__ = ["curve_text", "hint_text", "kinetics_text", "lesion_row", "warning_text"]

NONE = "–"


def lesion_row(segment_id: str, segment: Any, known: Known) -> LesionRow:
    """Return what the table shows of a lesion.

    Args:
        segment_id: its ID.
        segment: the vtkSegment, for name and colour.
        known: what was measured.
    """
    measures = known.measures
    size = measures.measurements if measures is not None else None
    kinetics = measures.kinetics if measures is not None else None
    return LesionRow(
        segment_id=segment_id,
        name=segment.GetName(),
        color_rgb=tuple(segment.GetColor()),
        side=known.side,
        volume=volume_text(size.volume_mm3) if size else NONE,
        longest=_("{length:.0f}\u00a0mm").format(length=size.diameter_3d_mm) if size else NONE,
        longest_tip=_longest_tip(size.diameter_3d_mm, size.diameter_inplane_mm) if size else _("Nothing is drawn yet"),
        curve=kinetics.curve or NONE if kinetics else NONE,
        curve_tip=curve_text(kinetics) if kinetics else _("No time-intensity curve"),
    )


def curve_text(kinetics: Kinetics) -> str:
    """Return which share of the lesion shows the most suspicious curve, and the sentence of its mean."""
    return "\n".join(filter(None, (kinetics.describe(), _worst_text(kinetics))))


def hint_text(is_ready: bool, is_armed: bool, has_lesions: bool, known: Known | None) -> str:
    """Return what to do next; empty when that is plain to see.

    Args:
        is_ready: whether there is a DCE series to draw on.
        is_armed: a click is waited for.
        has_lesions: whether there is any lesion.
        known: of the selected one.
    """
    if is_armed:
        return _("Click into the lesion, in any slice view. Esc cancels.")
    if not is_ready:
        return _("Choose the DCE series in section 1 first.")
    if not has_lesions:
        return _("No lesion yet: click into one, or draw it.")
    if known is not None and known.measures is None and not known.problem:
        return _("Nothing is drawn yet: paint the lesion in a slice view.")
    return ""


def kinetics_text(kinetics: Kinetics | None) -> str:
    """Return the curve of the lesion's mean, and beside it the worst one; empty when there is none."""
    if kinetics is None:
        return ""
    return _("Time-intensity: {words}").format(words="; ".join(curve_text(kinetics).splitlines()))


def warning_text(known: Known | None) -> str:
    """Return what is odd about a lesion, a line each; empty when nothing is."""
    if known is None:
        return ""
    sentences = (known.problem,) if known.problem else known.measures.warnings if known.measures else ()
    return "\n".join(f"! {sentence}" for sentence in sentences)


def _worst_text(kinetics: Kinetics) -> str:
    if kinetics.worst_curve is None or kinetics.worst_curve_share is None:
        return ""
    return _("most suspicious: {curve} in {share:.0f}\u00a0% of the lesion").format(
        curve=kinetics.worst_curve, share=100 * kinetics.worst_curve_share
    )


def _longest_tip(diameter_3d_mm: float, diameter_inplane_mm: float) -> str:
    return _("Longest diameter: {three_d:.1f} mm in three dimensions, {inplane:.1f} mm within one slice").format(
        three_d=diameter_3d_mm, inplane=diameter_inplane_mm
    )
