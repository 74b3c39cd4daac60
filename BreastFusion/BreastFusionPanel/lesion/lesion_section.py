"""Section 2: lesions are outlined on the DCE series, by a click or by hand, and measured while that is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import slicer
import vtk
from slicer.i18n import tr as _

from ..bridge.exam_nodes import has_exam
from ..bridge.geometry import to_ras
from ..bridge.kinetics_nodes import kinetics_chart
from ..bridge.reading_nodes import reading_of
from ..bridge.segments import add_lesion, lesion_ids, remove_lesion, set_side
from ..display import views
from ..section import Section
from ..widgets.enabling import enable
from ..widgets.showing import show_text
from .click_lesions import ClickLesions
from .head_start import HeadStart
from .lesion_book import LesionBook
from .lesion_table import LesionTable
from .lesion_watch import LesionWatch
from .lesion_words import hint_text, kinetics_text, lesion_row, warning_text
from .segment_editor import SegmentEditor

if TYPE_CHECKING:
    from ..context import PanelContext
    from .lesion_measures import LesionMeasures

__all__ = ["LesionSection"]


class LesionSection(Section):
    """Lesions of the exam: new ones, their outlines, names, sides, sizes and curves.

    Attributes:
        editor: the embedded Segment Editor.
        clicks: the button 'From click'.
        table: one row a lesion.
        watch: hears of changes of the segmentation, whoever makes them.
        book: what is known of each lesion.
    """

    UI = "Lesion"

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self.editor = SegmentEditor(self.ui.segmentEditor)
        self.clicks = ClickLesions(context, self.ui.fromClickButton, self.editor)
        self.table = LesionTable(self.ui.lesionTable)
        self.watch = LesionWatch()
        self.book = LesionBook()
        self._head_start = HeadStart(context)
        self._tips = {button: button.toolTip for button in (self.ui.fromClickButton, self.ui.drawButton)}
        self.clicks.made.connect(self._take_up)
        self.clicks.changed.connect(self._show)
        self.editor.segment_chosen.connect(self._select)
        self.table.selected.connect(self._select)
        self.table.renamed.connect(self._rename)
        self.table.side_chosen.connect(self._choose_side)
        self.table.removal_asked.connect(self._remove)
        self.watch.listed.connect(self._list)
        self.watch.settled.connect(self._measure)
        self.watch.lost.connect(self.refresh)
        self.ui.drawButton.clicked.connect(context.guarded(self._draw))
        self.ui.plotButton.clicked.connect(context.guarded(self._show_plot))
        context.exam_changed.connect(self._on_exam_changed)

    def connect_parameters(self) -> None:
        """Follow the lesions of the (new) study."""
        super().connect_parameters()
        if self.context.parameters is not None:
            node = self.context.parameters.parameterNode
            self.observers.add(node, vtk.vtkCommand.ModifiedEvent, self._on_parameters_modified)

    def disconnect_parameters(self) -> None:
        """Let go of the study, whose nodes may be removed next."""
        super().disconnect_parameters()
        self._head_start.stop()
        self.clicks.stop()
        self.watch.follow(None)
        self.book.forget()
        self.editor.release()

    def enter(self) -> None:
        """The module is shown."""
        self.editor.enter()
        self._measure()
        self._head_start.begin()

    def exit(self) -> None:
        """The module is left: no tool and no click belongs to it any more."""
        self._head_start.stop()
        self.clicks.stop()
        self.editor.exit()

    def cleanup(self) -> None:
        """The module is taken down."""
        self.editor.close()

    def refresh(self) -> None:
        """Show the lesions as they are now; what is not known yet is measured, and nobody is told."""
        parameters = self.context.parameters
        if parameters is not None:
            with self.context.guard():
                self.watch.follow(parameters.segmentation)
                self.book.update(parameters)
                self._select_existing()
                self.clicks.follow_settings()
        self._show()

    # What the user does

    def _draw(self) -> None:
        self.context.say("")
        self._take_up(add_lesion(self.context.parameters, None))
        self.editor.use("Paint")

    def _take_up(self, segment_id: str) -> None:
        """Select a lesion that was just made, and tell of it."""
        self.watch.follow(self.context.parameters.segmentation)
        self.context.parameters.selectedLesion = segment_id
        self.watch.settle()
        self._select(segment_id)

    def _select(self, segment_id: str) -> None:
        with self.context.guard():
            self.context.parameters.selectedLesion = segment_id
            self.clicks.show_settings(segment_id)
            self._show()
            self._show_in_views()
            self.context.lesion_selected.emit()

    def _rename(self, segment_id: str, name: str) -> None:
        with self.context.guard():
            if name:
                self._segment(segment_id).SetName(name)
            self._show()
            self.context.lesion_selected.emit()

    def _choose_side(self, segment_id: str, side: str) -> None:
        with self.context.guard():
            set_side(self.context.parameters.segmentation, segment_id, side, by_user=True)
            self.book.set_side(segment_id, side)
            self._show()
            self.context.lesion_selected.emit()

    def _remove(self, segment_id: str) -> None:
        with self.context.guard():
            had_reading = reading_of(self.context.parameters, segment_id) is not None
            if had_reading and not self._may_lose_reading(segment_id):
                return
            self.editor.remember()
            remove_lesion(self.context.parameters, segment_id)
            self._measure()
            if had_reading:
                self.context.reading_changed.emit(segment_id)
            self.context.lesion_selected.emit()

    def _may_lose_reading(self, segment_id: str) -> bool:
        question = _("'{name}' has a reading, which would be lost. Remove the lesion with its reading?")
        return slicer.util.confirmYesNoDisplay(question.format(name=self._segment(segment_id).GetName()))

    def _show_plot(self) -> None:
        views.show_plot(self._chart())

    # What changes elsewhere

    def _on_exam_changed(self) -> None:
        self.book.forget()
        self.refresh()
        with self.context.guard():
            self._follow_plot()
        self._head_start.begin()

    def _on_parameters_modified(self) -> None:
        self.clicks.follow_settings()
        if self.watch.segmentation is not self.context.parameters.segmentation:
            self._measure()

    def _list(self) -> None:
        """Lesions came, went, or have other names; their outlines are measured when they have settled."""
        with self.context.guard():
            other_selected = self._select_existing()
            self._show()
            if other_selected:
                self.context.lesion_selected.emit()

    def _measure(self) -> None:
        """Measure the outlines that changed, show them, and tell once of each."""
        if self.context.parameters is None:
            return
        with self.context.guard():
            self.watch.follow(self.context.parameters.segmentation)
            changed = self.book.update(self.context.parameters)
            other_selected = self._select_existing()
            self._show()
            self._follow_plot()
            if other_selected:
                self.context.lesion_selected.emit()
            for segment_id in changed:
                self.context.lesion_changed.emit(segment_id)

    def _select_existing(self) -> bool:
        """Select the first lesion when the selected one is gone; tell whether it was."""
        parameters = self.context.parameters
        ids = lesion_ids(parameters)
        if parameters is None or parameters.selectedLesion in (ids or ("",)):
            return False
        parameters.selectedLesion = ids[0] if ids else ""
        return True

    # What is shown

    def _show(self) -> None:
        parameters = self.context.parameters
        with self.context.guard():
            ids = lesion_ids(parameters)
            self.book.list(ids)
            rows = [lesion_row(id_, self._segment(id_), self.book[id_]) for id_ in ids]
            self.table.show(rows, parameters.selectedLesion if ids else "")
            self.ui.lesionTable.setVisible(bool(ids))
            self._show_editor(bool(ids))
            self._show_words(bool(ids))
        self._show_buttons()

    def _show_editor(self, has_lesions: bool) -> None:
        parameters = self.context.parameters
        self.ui.segmentEditor.setVisible(has_lesions)
        if has_lesions:
            # Outlines lie on the grid of the image that the tools look at: the DCE phase now shown.
            volume = parameters.dceBrowser.GetProxyNode(parameters.dceSequence) if parameters.dceBrowser else None
            self.editor.edit(parameters.segmentation, volume, parameters.selectedLesion)
        else:
            self.editor.rest(parameters.segmentation if parameters is not None else None)

    def _show_words(self, has_lesions: bool) -> None:
        known = self.book.get(self.context.parameters.selectedLesion) if has_lesions else None
        is_ready, is_armed = has_exam(self.context.parameters), self.clicks.placement.is_armed
        show_text(self.ui.hintLabel, hint_text(is_ready, is_armed, has_lesions, known))
        show_text(self.ui.lesionWarningLabel, warning_text(known))
        kinetics = known.measures.kinetics if known and known.measures else None
        show_text(self.ui.kineticsLabel, kinetics_text(kinetics))
        self.ui.plotButton.setVisible(kinetics is not None)

    def _show_buttons(self) -> None:
        missing = "" if has_exam(self.context.parameters) else _("Choose the DCE series in section 1 first")
        for button, tip in self._tips.items():
            enable(button, tip, missing)

    def _show_in_views(self) -> None:
        """Bring the selected lesion's largest section into all views, its curve below."""
        measures = self._measures()
        if measures is not None:
            views.show_comparison(self.context.parameters, self._chart())
            views.jump_to(to_ras(measures.section_lps))

    def _follow_plot(self) -> None:
        """Have a plot that is shown follow the outline; the curve of another exam's lesion is taken away."""
        if self._chart() is None:
            views.show_plot(None)

    def _chart(self) -> Any:
        """Return the chart of the selected lesion's curve as it is now; None when it has none."""
        measures = self._measures()
        if measures is None or measures.kinetics is None:
            return None
        parameters = self.context.parameters
        return kinetics_chart(parameters, parameters.selectedLesion, measures.kinetics.to_mapping())

    def _measures(self) -> LesionMeasures | None:
        known = self.book.get(self.context.parameters.selectedLesion)
        return known.measures if known is not None else None

    def _segment(self, segment_id: str) -> Any:
        return self.context.parameters.segmentation.GetSegmentation().GetSegment(segment_id)
