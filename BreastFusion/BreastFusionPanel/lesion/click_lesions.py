"""The button 'From click': one click makes a lesion, which follows threshold and radius until somebody edits it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qt
import SimpleITK as sitk

from BreastFusionLib.exam.model import Exam
from BreastFusionLib.lesion import segment_from_seed

from ..bridge.exam_nodes import exam_of
from ..bridge.geometry import to_lps
from ..bridge.segments import add_lesion, replace_outline
from ..signals import Signal
from .lesion_growth import Seed, growing_seed, plant
from .point_placement import PointPlacement

if TYPE_CHECKING:
    from ..context import PanelContext
    from .segment_editor import SegmentEditor

__all__ = ["ClickLesions"]

GROW_AFTER_MS = 100


class ClickLesions:
    """Grows lesions from points.

    Attributes:
        placement: waits for the click.
        made: (segment_id) a lesion was outlined.
        changed: the button was pressed or came up.
    """

    def __init__(self, context: PanelContext, button: Any, editor: SegmentEditor) -> None:
        """Take charge of the button.

        Args:
            context: of the panel.
            button: a checkable QPushButton, down while a click is waited for.
            editor: its Undo brings earlier outlines back.
        """
        self.placement = PointPlacement()
        self.made, self.changed = Signal(), Signal()
        self._context, self._button, self._editor = context, button, editor
        self._settings: tuple[float, float] | None = None
        self._remembered = ""
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(GROW_AFTER_MS)
        self._timer.timeout.connect(context.guarded(self._grow_again))
        self._escape = qt.QShortcut(qt.QKeySequence("Esc"), button)
        self._escape.setEnabled(False)  # a key of the panel only while a click is waited for
        self._escape.activated.connect(self._cancel)
        # Somebody else may have the same key; Qt then tells of an ambiguous one.
        self._escape.activatedAmbiguously.connect(self._cancel)
        button.clicked.connect(context.guarded(self._on_button))
        self.placement.placed.connect(self._on_point)
        self.placement.ended.connect(self._on_ended)

    def stop(self) -> None:
        """Wait for nothing any more: the module is left, or its study goes away."""
        self.placement.cancel()
        self._timer.stop()
        self._settings, self._remembered = None, ""

    def follow_settings(self) -> None:
        """Threshold or radius may be other ones: the selected lesion grows anew, when it came from a click."""
        parameters = self._context.parameters
        settings = (parameters.enhancementPercent, parameters.radiusMm)
        if self._settings is not None and settings != self._settings:
            self._timer.start()
        self._settings = settings

    def show_settings(self, segment_id: str) -> None:
        """Show threshold and radius with which a lesion grew, if it is still what grew."""
        parameters = self._context.parameters
        seed = None if self._timer.isActive() else growing_seed(parameters.segmentation, segment_id)
        if seed is not None:
            parameters.enhancementPercent, parameters.radiusMm = seed.enhancement_percent, seed.radius_mm
            self._settings = (seed.enhancement_percent, seed.radius_mm)

    def _on_button(self) -> None:
        if self._button.checked:
            self._context.say("")
            self.placement.start()
            self._editor.set_keys(False)  # Qt would give every other Esc to the Segment Editor
            self._escape.setEnabled(True)
            self.changed.emit()
        else:
            self.placement.cancel()

    def _cancel(self, *_args: object) -> None:
        self.placement.cancel()

    def _on_ended(self) -> None:
        self._escape.setEnabled(False)
        self._editor.set_keys(True)
        self._button.setChecked(False)
        self.changed.emit()

    def _on_point(self, position_ras: tuple[float, float, float]) -> None:
        with self._context.guard():
            parameters = self._context.parameters
            seed = Seed(to_lps(position_ras), parameters.enhancementPercent, parameters.radiusMm)
            mask = _grown(exam_of(parameters), seed)
            self._editor.remember()
            segment_id = add_lesion(parameters, mask)
            plant(parameters.segmentation, segment_id, seed)
            self.made.emit(segment_id)

    def _grow_again(self) -> None:
        parameters = self._context.parameters
        segment_id = parameters.selectedLesion
        old = growing_seed(parameters.segmentation, segment_id)
        if old is None:
            return
        seed = Seed(old.position_lps, parameters.enhancementPercent, parameters.radiusMm)
        if seed == old:
            return
        mask = _grown(exam_of(parameters), seed)
        self._context.say("")
        if self._remembered != segment_id:  # one step back to before the settings were played with
            self._editor.remember()
            self._remembered = segment_id
        replace_outline(parameters, segment_id, mask)
        plant(parameters.segmentation, segment_id, seed)


def _grown(exam: Exam, seed: Seed) -> sitk.Image:
    return segment_from_seed(exam, seed.position_lps, seed.enhancement_percent, seed.radius_mm)
