"""A button that cannot be pressed says why."""

from __future__ import annotations

from typing import Any

__all__ = ["enable"]


def enable(widget: Any, tooltip: str, missing: str = "") -> None:
    """Enable a widget, or disable it and say what is missing.

    Args:
        widget: a button, or a group of widgets.
        tooltip: what it does, in the user's words.
        missing: what stands in its way; empty when nothing does.
    """
    widget.setEnabled(not missing)
    widget.setToolTip(missing or tooltip)
