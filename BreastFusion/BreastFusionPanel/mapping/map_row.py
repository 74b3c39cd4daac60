"""One sequence of the section 'Map': what is told of the lesion there, and its button."""

from __future__ import annotations

from typing import Any

from slicer.i18n import tr as _

from BreastFusionLib.lesion import MappedLesion

from ..bridge.mapped_segments import EDITED, FROM_OUTLINE
from ..widgets.enabling import enable
from ..widgets.showing import show_text
from ..widgets.volume_words import volume_text

__all__ = ["MapRow", "summary"]


class MapRow:
    """The widgets of one sequence.

    Attributes:
        sequence: 't1' or 't2'.
        button: refines, goes back, or cancels, as its text says.
    """

    def __init__(self, sequence: str, ui: Any) -> None:
        self.sequence = sequence
        self._summary = getattr(ui, f"{sequence}SummaryLabel")
        self._warning = getattr(ui, f"{sequence}WarningLabel")
        self.button = getattr(ui, f"{sequence}RefineButton")
        self._tip = self._summary.toolTip

    def show_absent(self, reason: str) -> None:
        """There is nothing to map, or nothing to map to."""
        self._show("–", reason, "", _("Refine by registration"), missing=reason)

    def show_problem(self, sentence: str) -> None:
        """The lesion cannot be mapped."""
        self._show("–", sentence, f"! {sentence}", _("Refine by registration"), missing=sentence)

    def show_running(self, text: str) -> None:
        """Registration is under way."""
        text = text or _("Registering")
        self._show(text, text, "", _("Cancel"), _("Stop the registration; the outline by geometry stays"))

    def show_mapped(self, mapped: MappedLesion, note: str = "") -> None:
        """The lesion is mapped.

        Args:
            mapped: how.
            note: what came of a registration, where the lesion itself does not say it.
        """
        lines = "\n".join(f"! {sentence}" for sentence in (*mapped.warnings, *([note] if note else [])))
        if mapped.method not in FROM_OUTLINE:
            text, tip = _("Back to geometry"), _("Map by the positions in the images' headers alone")
        else:
            name = self.sequence.upper()
            text = _("Refine by registration")
            tip = _("Register DCE and {sequence} round the lesion, against motion between them (some seconds)").format(
                sequence=name
            )
        self._show(summary(mapped), self._tip, lines, text, tip)

    def _show(self, text: str, tip: str, warning: str, button: str, button_tip: str = "", missing: str = "") -> None:
        self._summary.setText(text)
        self._summary.setToolTip(tip)
        show_text(self._warning, warning)
        self.button.setText(button)
        enable(self.button, button_tip, missing)


def summary(mapped: MappedLesion) -> str:
    """Return the words: 'covered 100 %, 3.80 cm³ (+0.8 %), by geometry'."""
    # '100 %' means all of it; all else is rounded as in the library's own sentences.
    covered = 100 if mapped.coverage >= 1 else min(99, round(100 * mapped.coverage))
    change = round(100 * (mapped.volume_mm3 / mapped.source_volume_mm3 - 1), 1) + 0.0  # no '-0.0'
    return _("covered {covered}\u00a0%, {volume} ({change:+.1f}\u00a0%), {method}").format(
        covered=covered, volume=volume_text(mapped.volume_mm3), change=change, method=_method_words()[mapped.method]
    )


def _method_words() -> dict[str, str]:
    return {
        "same grid": _("same grid"),
        "geometry": _("by geometry"),
        "rigid registration": _("by registration"),
        EDITED: _("edited by hand"),
    }
