"""The scale from 0 to 1 with the probability, the operating point and, small, the training cohort's prevalence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import qt
from slicer.i18n import tr as _

from ..widgets.resized import Resized
from .result_words import operating_point_words, short

__all__ = ["ProbabilityScale", "ScaleValues", "describe_scale", "draw_scale"]

# In points of the screen's own size (a pixel on a plain screen).
MARGIN = 16.0  # on both sides, for the figures 0 and 1
BAR_Y, BAR_HEIGHT = 10.0, 6.0
MARKER_RADIUS = 7.0
TICK = 9.0  # how far the threshold's line reaches over and under the middle of the bar


@dataclass(frozen=True)
class ScaleValues:
    """What the scale shows; all are probabilities, 0..1.

    Attributes:
        probability: of the case.
        threshold: the operating point.
        prevalence: share of the positive class in training.
        greyed: the case is unlike the training cases.
    """

    probability: float
    threshold: float | None = None
    prevalence: float | None = None
    greyed: bool = False


def describe_scale(values: ScaleValues) -> str:
    """Return the scale in words, for screen readers and as its tooltip."""
    words = [_("Calibrated probability {value} on a scale from 0 to 1").format(value=f"{values.probability:.2f}")]
    if values.threshold is not None:
        side = _("at or above") if values.probability >= values.threshold else _("below")
        words.append(_("{side} the {threshold}").format(side=side, threshold=operating_point_words(values.threshold)))
    if values.prevalence is not None:
        words.append(_prevalence_words(values.prevalence))
    if values.greyed:
        words.append(_("the case is unlike the training cases"))
    return "; ".join(words) + "."


def draw_scale(values: ScaleValues, width: int, pixel_ratio: float, palette: Any, font: Any) -> Any:
    """Return the scale as a QPixmap with a transparent ground.

    Args:
        values: what to show.
        width: in points.
        pixel_ratio: pixels a point.
        palette: the widget's QPalette, so that it fits light and dark.
        font: the widget's QFont.
    """
    small = qt.QFont(font)
    small.setPointSizeF(0.85 * font.pointSizeF())
    metrics = qt.QFontMetricsF(small)
    line = metrics.height()
    rows = (values.threshold is not None) + (values.prevalence is not None)
    height = BAR_Y + TICK + 3 + rows * line
    pixmap = qt.QPixmap(round(width * pixel_ratio), round(height * pixel_ratio))
    pixmap.setDevicePixelRatio(pixel_ratio)
    pixmap.fill(qt.QColor(0, 0, 0, 0))
    painter = qt.QPainter(pixmap)
    try:
        painter.setRenderHint(qt.QPainter.Antialiasing)
        painter.setFont(small)
        _Drawing(painter, metrics, width, palette).draw(values)
    finally:
        painter.end()  # a painter that is still open takes the application down with it
    return pixmap


class ProbabilityScale:
    """Shows the scale in a label, at the label's own width, in its own colours.

    Attributes:
        values: what is shown; None while there is nothing to show.
    """

    def __init__(self, label: Any) -> None:
        self.values: ScaleValues | None = None
        self._label = label
        self._resized = Resized(label, self._draw)

    def show(self, values: ScaleValues | None) -> None:
        """Show other values; None hides the scale."""
        self.values = values
        self._label.setVisible(values is not None)
        words = "" if values is None else describe_scale(values)
        self._label.setToolTip(words)
        self._label.setAccessibleName(words)
        self._draw()

    def _draw(self) -> None:
        if self.values is not None:
            label = self._label
            pixmap = draw_scale(self.values, label.width, label.devicePixelRatioF(), label.palette, label.font)
            label.setPixmap(pixmap)
            label.setFixedHeight(round(pixmap.height() / pixmap.devicePixelRatio()))


class _Drawing:
    """Lines and words of one scale on a painter."""

    def __init__(self, painter: Any, metrics: Any, width: int, palette: Any) -> None:
        self._painter, self._metrics, self._width = painter, metrics, width
        self._ink = qt.QColor(palette.color(qt.QPalette.WindowText))
        self._soft = _faint(self._ink, 0.65)
        self._rule = _faint(self._ink, 0.22)
        self._grey = qt.QColor(palette.color(qt.QPalette.Disabled, qt.QPalette.WindowText))
        self._accent = qt.QColor(palette.color(qt.QPalette.Highlight))
        self._ground = qt.QColor(palette.color(qt.QPalette.Window))

    def draw(self, values: ScaleValues) -> None:
        baseline = BAR_Y + TICK + 2 + self._metrics.ascent()
        accent = self._grey if values.greyed else self._accent
        self._bar(0.0, 1.0, self._rule)
        self._bar(0.0, values.probability, _faint(accent, 0.55))
        self._word("0", 0.0, BAR_Y + 0.35 * self._metrics.ascent(), self._soft, centre=MARGIN / 2 - 2)
        self._word("1", 1.0, BAR_Y + 0.35 * self._metrics.ascent(), self._soft, centre=self._width - MARGIN / 2 + 2)
        if values.threshold is not None:
            self._tick(values.threshold, -TICK, TICK, _pen(self._ink, 1.5))
            self._word(operating_point_words(values.threshold), values.threshold, baseline, self._ink)
            baseline += self._metrics.height()
        if values.prevalence is not None:
            self._tick(values.prevalence, BAR_HEIGHT / 2, TICK - 2, _pen(self._soft, 1.5))
            self._word(_prevalence_words(values.prevalence), values.prevalence, baseline, self._soft)
        self._painter.setPen(_pen(self._ground, 2.0))
        self._painter.setBrush(qt.QBrush(accent))
        self._painter.drawEllipse(qt.QPointF(self._x(values.probability), BAR_Y), MARKER_RADIUS, MARKER_RADIUS)

    def _x(self, probability: float) -> float:
        return MARGIN + probability * (self._width - 2 * MARGIN)

    def _bar(self, start: float, end: float, color: Any) -> None:
        left, right = self._x(start), self._x(end)
        self._painter.setPen(qt.QPen(qt.Qt.NoPen))
        self._painter.setBrush(qt.QBrush(color))
        rectangle = qt.QRectF(left, BAR_Y - BAR_HEIGHT / 2, right - left, BAR_HEIGHT)
        self._painter.drawRoundedRect(rectangle, BAR_HEIGHT / 2, BAR_HEIGHT / 2)

    def _tick(self, at: float, top: float, bottom: float, pen: Any) -> None:
        self._painter.setPen(pen)
        x = self._x(at)
        self._painter.drawLine(qt.QPointF(x, BAR_Y + top), qt.QPointF(x, BAR_Y + bottom))

    def _word(self, text: str, at: float, baseline: float, color: Any, centre: float | None = None) -> None:
        """Write a text centred under its place on the scale, pushed inwards at the ends."""
        width = self._metrics.boundingRect(text).width()
        left = (self._x(at) if centre is None else centre) - width / 2
        self._painter.setPen(qt.QPen(color))
        self._painter.drawText(qt.QPointF(min(max(left, 1.0), self._width - width - 1.0), baseline), text)


def _prevalence_words(prevalence: float) -> str:
    return _("training prevalence {value}").format(value=short(prevalence))


def _pen(color: Any, width: float) -> Any:
    return qt.QPen(qt.QBrush(color), width)


def _faint(color: Any, opacity: float) -> Any:
    faint = qt.QColor(color)
    faint.setAlphaF(opacity)
    return faint
