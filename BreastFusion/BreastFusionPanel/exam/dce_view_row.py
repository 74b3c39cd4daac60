"""The row of buttons that say what the views show of the DCE series: pre, post, subtraction, MIP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qt
import slicer
from slicer.i18n import tr as _

from ..display import views
from ..display.dce_images import make_images
from ..parameters import DceImage
from ..widgets.enabling import enable
from ..widgets.table_parts import signals_blocked

if TYPE_CHECKING:
    from ..context import PanelContext

__all__ = ["DceViewRow"]


class DceViewRow:
    """Buttons and views follow `parameters.dceImage`."""

    def __init__(self, ui: Any, context: PanelContext) -> None:
        self._context = context
        self._used = -1
        self._shown: tuple[Any, ...] = ()
        self._buttons = {
            DceImage.PRE: ui.viewPreButton,
            DceImage.POST: ui.viewPostButton,
            DceImage.SUBTRACTION: ui.viewSubtractionButton,
            DceImage.MIP: ui.viewMipButton,
        }
        for image, button in self._buttons.items():
            button.clicked.connect(lambda *_args, chosen=image: self._choose(chosen))

    def show(self, phase_count: int, used: int, is_new_study: bool = False) -> None:
        """Follow the study.

        Args:
            phase_count: of the DCE series; 0 without one.
            used: number of the phase that a reading is made of.
            is_new_study: the panel was just handed this study: views that show something are left alone.
        """
        self._used = used
        self._enable(phase_count)
        parameters = self._context.parameters
        if parameters is None or not phase_count:
            self._shown = ()
            return
        with signals_blocked(self._buttons[parameters.dceImage]):
            self._buttons[parameters.dceImage].setChecked(True)
        is_made = parameters.dceImage in (DceImage.SUBTRACTION, DceImage.MIP)
        if is_made and phase_count < 2:
            parameters.dceImage = DceImage.POST
            return
        make_images(parameters, used)
        volumes = (parameters.dceSequence, parameters.t1Volume, parameters.t2Volume)
        shown = (parameters.dceImage, *(None if volume is None else volume.GetID() for volume in volumes))
        if shown != self._shown:
            self._shown = shown
            # Subtractions are not kept with a scene: a reopened one has none in its views.
            if is_made or not is_new_study:
                views.show_dce(parameters)

    def show_phase(self, number: int) -> None:
        """Show one phase of the series."""
        parameters = self._context.parameters
        parameters.dceBrowser.SetSelectedItemNumber(number)
        parameters.dceImage = DceImage.PRE if number == 0 else DceImage.POST
        views.show_dce(parameters)

    def _choose(self, image: DceImage) -> None:
        parameters = self._context.parameters
        if parameters is None or parameters.dceSequence is None:
            return
        with self._context.guard():
            if image in (DceImage.PRE, DceImage.POST):
                self.show_phase(0 if image == DceImage.PRE else self._used)
                return
            slicer.app.setOverrideCursor(qt.Qt.WaitCursor)
            try:
                parameters.dceImage = image
            finally:
                slicer.app.restoreOverrideCursor()

    def _enable(self, phase_count: int) -> None:
        no_series = "" if phase_count else _("Choose a DCE series first")
        one_phase = no_series or ("" if phase_count > 1 else _("The DCE series has one phase only"))
        tips = {
            DceImage.PRE: _("Show the phase before contrast"),
            DceImage.POST: _("Show the phase after contrast that is used"),
            DceImage.SUBTRACTION: _("Show the phase used minus the one before contrast: what enhances is bright"),
            DceImage.MIP: _("Show the brightest of the subtraction along each view's direction, through all slices"),
        }
        for image, button in self._buttons.items():
            enable(button, tips[image], no_series if image == DceImage.PRE else one_phase)
