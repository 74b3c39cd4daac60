"""A widget as a picture, in light or dark colours."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6 import QtGui, QtWidgets

_dark_colors = {
    "Window": "#353535",
    "WindowText": "#ffffff",
    "Base": "#232323",
    "AlternateBase": "#353535",
    "ToolTipBase": "#ffffff",
    "ToolTipText": "#ffffff",
    "Text": "#ffffff",
    "Button": "#353535",
    "ButtonText": "#ffffff",
    "BrightText": "#ff0000",
    "Link": "#2a82da",
    "Highlight": "#2a82da",
    "HighlightedText": "#000000",
    "PlaceholderText": "#a0a0a0",
}


def light_palette() -> QtGui.QPalette:
    """The style's own colours."""
    return QtWidgets.QApplication.style().standardPalette()


def dark_palette() -> QtGui.QPalette:
    """Dark colours much like those of Slicer's dark theme."""
    palette = QtGui.QPalette()
    for name, color in _dark_colors.items():
        palette.setColor(getattr(QtGui.QPalette.ColorRole, name), QtGui.QColor(color))
    disabled = QtGui.QPalette.ColorGroup.Disabled
    for name in ("WindowText", "Text", "ButtonText"):
        palette.setColor(disabled, getattr(QtGui.QPalette.ColorRole, name), QtGui.QColor("#808080"))
    return palette


def widget_pixels(widget: Any, width_px: int, height_px: int | None = None, dark: bool = False) -> np.ndarray:
    """The widget at a width, as high as it likes to be unless said, (height, width, 3) uint8.

    The application's palette is changed while it is drawn, as a change of theme does.
    """
    app = QtWidgets.QApplication.instance()
    app.setPalette(dark_palette() if dark else light_palette())
    widget.show()
    widget.resize(width_px, height_px or 100)
    # Twice: labels that wrap tell their height only after they know their width.
    for _ in range(2):
        app.processEvents()
        if height_px is None:
            widget.resize(width_px, _wanted_height(widget, width_px))
    app.processEvents()
    image = widget.grab().toImage().convertToFormat(QtGui.QImage.Format.Format_RGB888)
    app.setPalette(light_palette())
    app.processEvents()
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def _wanted_height(widget: Any, width_px: int) -> int:
    layout = widget.layout()
    if layout is None:
        return widget.sizeHint.height()
    layout.activate()
    return layout.totalHeightForWidth(width_px) if layout.hasHeightForWidth() else layout.totalSizeHint().height()
