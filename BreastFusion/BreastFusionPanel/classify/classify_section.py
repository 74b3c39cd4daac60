"""Section 4: a model reads the selected lesion, and shows what it says, why, and how far to trust it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import vtk
from slicer.i18n import tr as _

from ..bridge.exam_nodes import has_exam
from ..bridge.labelmaps import lesion_digest
from ..bridge.reading_nodes import reading_of, storing_reading
from ..bridge.segments import lesion_ids
from ..display import views
from ..process.reading_request import ScaleCache, warm_scales
from ..section import Section
from ..widgets.enabling import enable
from ..widgets.showing import show_fraction
from .classify_run import ClassifyRun
from .clinical_form import ClinicalForm
from .feature_table import FeatureTable
from .log_pane import LogPane
from .maps_view import MapsView
from .model_choice import ModelChoice
from .outline_check import OutlineCheck
from .result_view import ResultView
from .save_buttons import SaveButtons

if TYPE_CHECKING:
    from ..bridge.reading_nodes import StoredReading
    from ..context import PanelContext
    from ..process.steps import Steps
    from ..process.worker_request import WorkerError

__all__ = ["ClassifySection"]


class ClassifySection(Section):
    """From the choice of a model to a saved report.

    Attributes:
        model: the rows 'Model' and 'Device'.
        run: the reading that is under way; None between readings.
    """

    UI = "Classify"

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self.run: ClassifyRun | None = None
        self.model = ModelChoice(context, self.ui)
        self._clinical = ClinicalForm(context, self.ui, self.refresh)
        self._result = ResultView(self.ui)
        self._maps = MapsView(context, self.ui)
        self._table = FeatureTable(self.ui)
        self._save = SaveButtons(context, self.ui, self.model)
        self._log = LogPane(context, self.ui)
        self._outline = OutlineCheck(context, self._show_reading)
        self._scales = ScaleCache()
        self._warming: Steps | None = None
        self.ui.classifyButton.clicked.connect(context.guarded(self._on_button))
        self.ui.useCpuButton.clicked.connect(context.guarded(self._on_use_cpu))
        self.ui.showCurveButton.clicked.connect(context.guarded(self._show_curve))
        self.ui.featureTableButton.toggled.connect(context.guarded(self._table.update))
        context.exam_changed.connect(self._on_basis_changed)
        context.bundle_changed.connect(self._on_basis_changed)
        context.lesion_selected.connect(self.refresh)
        context.lesion_changed.connect(self._on_lesion_news)
        context.mapping_changed.connect(self._on_lesion_news)
        context.reading_changed.connect(self._on_lesion_news)

    # The life of the study

    def connect_parameters(self) -> None:
        """Show the (new) study's reading."""
        super().connect_parameters()
        if self.context.parameters is not None:
            node = self.context.parameters.parameterNode
            self.observers.add(node, vtk.vtkCommand.ModifiedEvent, self._maps.apply)
        self._warm()

    def disconnect_parameters(self) -> None:
        """Let go of the study."""
        self._stop_warming()
        super().disconnect_parameters()

    def enter(self) -> None:
        """The module is shown: have the model of last time ready before the first click."""
        self.model.open_remembered()

    def cleanup(self) -> None:
        """The module is taken down."""
        self.model.stop()

    def refresh(self) -> None:
        """Show the selected lesion's reading, and what can be done."""
        with self.context.guard():
            if self.run is not None:
                self.run.abandon_if_useless()
            self._clinical.refresh(self.model.header)
            self._show_run()
            self._show_reading()

    # What the user does

    def classify(self) -> None:
        """Read the selected lesion: the button, and Ctrl+Enter. Does nothing while a reading is under way."""
        with self.context.guard():
            if self.run is not None:
                return
            self._clinical.commit()
            missing = self.missing()
            if missing:
                self.context.say(missing)
                return
            self.model.check()
            self.context.say("")
            self.ui.useCpuButton.setVisible(False)
            assert self.model.header is not None
            self.run = ClassifyRun(
                self.context,
                self.model.header,
                self.model.device,
                self._scales,
                on_progress=self._show_run,
                on_finished=self._on_finished,
                on_ended=self._on_ended,
            )
            self._show_run()

    def missing(self) -> str:
        """Return what stands in the way of a reading, and what to do; empty when nothing does."""
        parameters = self.context.parameters
        if parameters is None or not has_exam(parameters):
            return _("Load an exam first (section 1).")
        if parameters.selectedLesion not in lesion_ids(parameters):
            return _("Outline a lesion and select it first (section 2).")
        if not lesion_digest(parameters.segmentation, parameters.selectedLesion):
            return _("Nothing is drawn yet: paint the selected lesion first (section 2).")
        return self.model.missing() or self._clinical.problem()

    def _on_button(self) -> None:
        if self.run is not None:
            self.run.cancel()
        else:
            self.classify()

    def _on_use_cpu(self) -> None:
        self.ui.useCpuButton.setVisible(False)
        self.model.use_cpu()
        self.classify()

    def _show_curve(self) -> None:
        stored = self._stored()
        if stored is not None and stored.chart is not None:
            views.show_plot(stored.chart)

    # What the reading does

    def _on_finished(self, result: Mapping[str, Any]) -> Iterator[None]:
        """Keep the reading, then show it and ask how far it hangs on the outline; steps between events."""
        run, parameters = self.run, self.context.parameters
        assert run is not None
        assert parameters is not None
        segment_id = run.question.segment_id
        folder, clinical = Path(result["folder"]), run.question.clinical
        yield from storing_reading(parameters, segment_id, result["reading"], folder, clinical)
        stored = reading_of(parameters, segment_id)
        if stored is None:
            return
        if stored.mapping["probability"] is not None:
            self._outline.ask(stored, run.case_folder, run.bundle, run.device)
        if stored.chart is not None and segment_id == parameters.selectedLesion:
            views.show_plot(stored.chart)
        yield
        self.context.reading_changed.emit(segment_id)

    def _on_ended(self, error: WorkerError | None) -> None:
        self.run = None
        if error is not None and error.kind != "cancelled":
            self.context.say(error.text, error.details)
            self.ui.useCpuButton.setVisible(error.kind == "memory" and self.model.device != "cpu")
        self._show_run()

    # What changes elsewhere

    def _on_basis_changed(self) -> None:
        self.refresh()
        self._warm()

    def _on_lesion_news(self, segment_id: str) -> None:
        parameters = self.context.parameters
        if self.run is not None or parameters is None or segment_id == parameters.selectedLesion:
            self.refresh()

    def _warm(self) -> None:
        """Measure the volumes' intensity scales between events, so that the first click finds them measured."""
        self._stop_warming()
        parameters, header = self.context.parameters, self.model.header
        if parameters is not None and header is not None and has_exam(parameters):
            self._warming = warm_scales(parameters, header.recipe.inputs, self._scales)

    def _stop_warming(self) -> None:
        if self._warming is not None:
            self._warming.stop()
            self._warming = None

    # What is shown

    def _stored(self) -> StoredReading | None:
        parameters = self.context.parameters
        if parameters is None or parameters.selectedLesion not in lesion_ids(parameters):
            return None
        return reading_of(parameters, parameters.selectedLesion)

    def _show_run(self) -> None:
        """Show the button, and while a reading is under way how far it is."""
        run, button = self.run, self.ui.classifyButton
        self.ui.progressWidget.setVisible(run is not None)
        self._log.update()
        if run is None:
            button.setText(_("Classify  (Ctrl+Enter)"))
            enable(button, _("Read the selected lesion with the chosen model"), self.missing())
            return
        button.setText(_("Cancel"))
        enable(button, _("Stop reading; everything stays as it was before"))
        show_fraction(self.ui.progressBar, run.fraction)
        self.ui.progressLabel.setText(run.text)

    def _show_reading(self) -> None:
        stored = self._stored()
        is_there = stored is not None
        self._result.show(stored.mapping if is_there else None, stored.is_current if is_there else True)
        if is_there:
            self._result.show_outline(self._outline.range_of(stored), self._outline.is_asked(stored))
        self.ui.evidenceWidget.setVisible(is_there)
        enable(
            self.ui.showCurveButton,
            _("Show the lesion's time-intensity curve in the plot view"),
            "" if is_there and stored.chart is not None else _("The exam's phases do not give a curve."),
        )
        self._table.show(stored.feature_table if is_there else None)
        self._maps.show(stored)
        self._save.show(stored)
