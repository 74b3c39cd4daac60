"""Labels and progress bars that show nothing where there is nothing to show."""

from __future__ import annotations

from typing import Any

__all__ = ["show_fraction", "show_text"]

_STEPS = 1000


def show_text(label: Any, text: str) -> None:
    """Show a text; a label without one takes no room."""
    label.setText(text)
    label.setVisible(bool(text))


def show_fraction(bar: Any, fraction: float | None) -> None:
    """Show how far something is (0..1); None, when nobody knows, has the bar move to and fro."""
    bar.setRange(0, 0 if fraction is None else _STEPS)
    bar.setValue(0 if fraction is None else round(_STEPS * fraction))
