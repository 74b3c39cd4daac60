"""What is odd about an exam, in sentences: from the library, and from what the user chose in the panel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from slicer.i18n import tr as _

if TYPE_CHECKING:
    from ..bridge.sequences import PhaseRow

__all__ = ["exam_notes"]


def exam_notes(
    stored: Iterable[str],
    rows: Sequence[PhaseRow],
    t1_contrast: str | None,
    is_same_volume: bool,
    is_synthetic: bool = False,
) -> tuple[str, ...]:
    """Return the sentences, each once.

    Args:
        stored: warnings that the library gave when it read the exam.
        rows: the DCE phases; empty without a DCE series.
        t1_contrast: whether T1 was taken before or after contrast ('pre', 'post', 'unknown'); None without T1.
        is_same_volume: whether T1 and T2 are one volume.
        is_synthetic: whether the exam is a phantom.
    """
    notes = [_("Synthetic exam: a phantom, no patient.")] if is_synthetic else []
    notes += stored
    if len(rows) == 1:
        notes.append(_("One phase only: kinetics and a reading need at least one more, taken after contrast."))
    unknown = [row for row in rows if row.time_s is None]
    if unknown:
        notes.append(
            _("The time of {count} of {all} phases is unknown: check their order, and type the times you know.").format(
                count=len(unknown), all=len(rows)
            )
        )
    if t1_contrast == "post":
        notes.append(_("T1 was taken after contrast: a model trained on T1 without contrast will say so."))
    if is_same_volume:
        notes.append(_("T1 and T2 are the same volume: choose another one, or none."))
    return tuple(dict.fromkeys(notes))
