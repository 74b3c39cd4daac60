"""The frame with the result: number, scale, reasons, warnings, and always the disclaimer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import qt
from slicer.i18n import tr as _

from BreastFusionLib import DISCLAIMER

from ..widgets.resized import Resized
from ..widgets.showing import show_text
from .probability_scale import ProbabilityScale, ScaleValues
from .result_words import describe_reading, outline_words

if TYPE_CHECKING:
    from .outline_check import OutlineRange

__all__ = ["ResultView"]

NUMBER_SIZE = 2.2  # times the panel's own font
WARNINGS_HEIGHT = 120  # points; more is scrolled


class ResultView:
    """Shows one reading in the widgets of the section; what a reading lacks has no line."""

    def __init__(self, ui: Any) -> None:
        self._ui = ui
        self._scale = ProbabilityScale(ui.scaleLabel)
        self._resized = Resized(ui.warningsArea, self._fit_warnings)
        ui.disclaimerLabel.setText(DISCLAIMER)
        _resize_font(ui.numberLabel, NUMBER_SIZE, bold=True)
        _resize_font(ui.statementLabel, 1.15, bold=True)
        for label in (ui.footerLabel, ui.disclaimerLabel):
            _resize_font(label, 0.9)
        # The theme's own colour for what is said in passing: readable on light and dark.
        ui.footerLabel.setForegroundRole(qt.QPalette.PlaceholderText)

    def show(self, reading: Mapping[str, Any] | None, is_current: bool = True) -> None:
        """Show a reading.

        Args:
            reading: the content of reading.json; None hides everything.
            is_current: the outline and the exam are still those that were read.
        """
        ui = self._ui
        ui.resultFrame.setVisible(reading is not None)
        if reading is None:
            self._scale.show(None)
            return
        words = describe_reading(reading)
        ui.staleLabel.setVisible(not is_current)
        show_text(ui.titleLabel, words.title)
        show_text(ui.numberLabel, words.number)
        show_text(ui.statementLabel, words.statement)
        # Disabled, because every theme knows how to draw that in grey.
        is_greyed = words.greyed or not is_current
        ui.numberLabel.setEnabled(not is_greyed)
        self._scale.show(_scale_values(reading, is_greyed))
        alone = _("alone: {parts}").format(parts=words.alone) if words.alone else ""
        weights = _("weight: {weights}").format(weights=words.weights) if words.weights else ""
        show_text(ui.aloneLabel, "\n".join(filter(None, (alone, weights))))
        show_text(ui.whyLabel, _("why: {reasons}").format(reasons=words.why) if words.why else "")
        ui.warningsLabel.setText("\n".join(f"! {sentence}" for sentence in words.warnings))
        ui.warningsArea.setVisible(bool(words.warnings))
        show_text(ui.footerLabel, words.footer)
        self._fit_warnings()

    def show_outline(self, outline: OutlineRange | None, is_asked: bool = False) -> None:
        """Fill in how much the number hangs on the exact outline.

        Args:
            outline: None while it is not known.
            is_asked: it is being computed.
        """
        label = self._ui.outlineLabel
        if outline is None:
            show_text(label, _("outline moved a little: …") if is_asked else "")
            return
        show_text(label, outline_words(outline.low, outline.high))
        tooltip = _("The probability with the outline moved in and out by {step:.1f} mm: how much it hangs on that")
        label.setToolTip(tooltip.format(step=outline.step_mm))

    def _fit_warnings(self) -> None:
        """Give the warnings the height they need, up to a bound: then they scroll."""
        area, label = self._ui.warningsArea, self._ui.warningsLabel
        height = label.heightForWidth(max(area.width, 50))
        area.setFixedHeight(min(max(height, 0), WARNINGS_HEIGHT))


def _scale_values(reading: Mapping[str, Any], greyed: bool) -> ScaleValues | None:
    if reading["probability"] is None:
        return None
    return ScaleValues(reading["probability"], reading["threshold"], reading["bundle"].get("prevalence"), greyed)


def _resize_font(label: Any, factor: float, bold: bool = False) -> None:
    font = qt.QFont(label.font)
    font.setPointSizeF(factor * font.pointSizeF())
    font.setBold(bold or font.bold())
    label.setFont(font)
