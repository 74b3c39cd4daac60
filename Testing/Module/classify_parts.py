"""What the tests of section 4 look at."""

from __future__ import annotations

READ, IDLE = "read", "Classify  (Ctrl+Enter)"


def last(section) -> str:
    """The sentence that was said last."""
    return section.said[-1][0] if section.said else ""


def visible(section, name: str) -> bool:
    return getattr(section.ui, name).isVisibleTo(section.widget)


def is_as_before(section) -> bool:
    """Nothing under way, nothing shown."""
    ui = section.ui
    shown = [name for name in ("progressWidget", "resultFrame", "evidenceWidget") if visible(section, name)]
    return section.run is None and ui.classifyButton.text == IDLE and ui.classifyButton.isEnabled() and not shown
