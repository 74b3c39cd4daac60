"""The last section, folded away: reading many exams, and what is installed on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..section import Section
from .batch_part import BatchPart
from .packages_part import PackagesPart

if TYPE_CHECKING:
    from ..context import PanelContext

__all__ = ["SetupSection"]


class SetupSection(Section):
    """Opens by itself where a reading is not possible yet.

    Attributes:
        packages: what is installed.
        batch: many exams.
    """

    UI = "Setup"

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self.batch = BatchPart(context, self.ui)
        self.packages = PackagesPart(context, self.ui)
        self._is_explained = False
        self.ui.setupCollapsibleButton.contentsCollapsed.connect(context.guarded(self._on_folded))

    def enter(self) -> None:
        """Look for packages when the panel is first shown, and show at once what is missing."""
        if not self._is_explained:
            self._is_explained = True
            self.packages.look()
            if not self.packages.can_read:
                self.ui.setupCollapsibleButton.setCollapsed(False)

    def refresh(self) -> None:
        """Show whether a batch can begin."""
        self.batch.refresh()

    def cleanup(self) -> None:
        """Leave nothing running that nobody sees."""
        self.batch.cancel()

    def _on_folded(self) -> None:
        if not self.ui.setupCollapsibleButton.collapsed:
            self.packages.look()
            self.batch.refresh()
