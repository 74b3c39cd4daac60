"""The module as 3D Slicer sees it: its name and help, its panel, its console, its test.

What these classes do is in BreastFusionPanel, imported when used: a module whose import fails vanishes without a word,
so at file scope stand only packages that Slicer brings along.
"""

import importlib.util
import sys
from pathlib import Path

import slicer
from slicer import ScriptedLoadableModule as base
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin


def findLibrary():
    """Make BreastFusionLib importable: installed it lies beside this file, in the source tree beside our folder."""
    if importlib.util.find_spec("BreastFusionLib") is None:
        sys.path.append(str(Path(__file__).resolve().parents[1]))


def registerSampleData():
    """Offer the demo exam in the module Sample Data."""
    from BreastFusionPanel import sample_data

    sample_data.register()


class BreastFusion(base.ScriptedLoadableModule):
    """What the module selector and the help section show."""

    def __init__(self, parent):
        super().__init__(parent)
        findLibrary()
        parent.title = "BreastFusion"
        parent.categories = ["Quantification"]
        parent.dependencies = ["Volumes", "Segmentations", "SegmentEditor", "Sequences", "Markups", "Plots", "Tables"]
        parent.contributors = ["BreastFusion contributors"]
        parent.helpText = _(
            "<p>Reads breast MRI: a lesion outlined on DCE-MRI is carried to T1 and T2, its kinetics and radiomics are "
            "measured, and a trained model joins them with what a network sees in the three sequences.</p>"
            "<p>The sections follow the work from top to bottom; <b>Load demo exam</b> gives something to try.</p>"
            "<p>Many exams, in the Python console:</p><pre>from BreastFusion import BreastFusionLogic\n"
            'BreastFusionLogic().readExams("EXAMS", "BUNDLE", "READINGS")</pre>'
            "<p><b>Research use only. Not a medical device.</b></p>"
        )
        parent.acknowledgementText = _(
            "Built on 3D Slicer, SimpleITK, PyTorch and PyRadiomics' definitions; a model's card names what it follows."
        )
        # Earlier the module Sample Data may not exist yet.
        slicer.app.startupCompleted.connect(registerSampleData)


class BreastFusionWidget(base.ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel in the application's module area, bound to the life of the scene."""

    def __init__(self, parent=None):
        self.logic, self.panel, self._isEntered = None, None, False
        super().__init__(parent)  # last: without a parent the base class calls setup() at once

    def setup(self):
        """Build the panel, when the module is opened for the first time."""
        super().setup()
        self.logic = BreastFusionLogic()
        from BreastFusionPanel.panel import Panel

        self.panel = Panel(self.layout)
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        for event in (scene.EndCloseEvent, scene.EndImportEvent):
            self.addObserver(scene, event, self.onSceneEnd)
        self.initializeParameterNode()

    def enter(self):
        """The module is shown."""
        self._isEntered = True
        self.initializeParameterNode()
        self.panel.enter()

    def exit(self):
        """Another module is shown."""
        self._isEntered = False
        self.panel.exit()

    def cleanup(self):
        """The application ends, or the module is reloaded."""
        self.removeObservers()
        self.panel.cleanup()

    def onReload(self):
        """Developers' reload: Slicer loads this file anew, the packages behind it follow when they are imported."""
        for name in [name for name in sys.modules if name.split(".")[0] in ("BreastFusionPanel", "BreastFusionLib")]:
            del sys.modules[name]
        super().onReload()

    def onSceneStartClose(self, *_event):
        """The parameter node is about to go."""
        self.panel.set_parameters(None)

    def onSceneEnd(self, *_event):
        """The scene was closed, or another one was read into it."""
        if self._isEntered:
            self.initializeParameterNode()

    def initializeParameterNode(self):
        """Show the scene's parameter node; one is made where there is none."""
        self.panel.set_parameters(self.logic.getParameterNode())


class BreastFusionLogic(base.ScriptedLoadableModuleLogic):
    """What scripts and the Python console call."""

    def getParameterNode(self):
        """Return the scene's BreastFusionParameterNode; one is made where there is none."""
        from BreastFusionPanel.parameters import BreastFusionParameterNode

        return BreastFusionParameterNode(super().getParameterNode())

    def readExams(self, exams, bundle, outputDir, progress=print, device="auto", clinical=None):
        """Read all lesions of a folder (or list) of exams; return a row each, `BreastFusionPanel.console` says how."""
        from BreastFusionPanel import console

        return console.read_exams(exams, bundle, outputDir, progress, device, clinical)

    def readLesion(
        self, bundle, segmentId=None, outputDir=None, progress=print, device="auto", nodes=None, clinical=None
    ):
        """Read the selected lesion, or one of `nodes` (DCE sequence, segmentation, T1, T2); return its reading."""
        from BreastFusionPanel import console

        study = nodes or self.getParameterNode()
        return console.read_lesion(study, bundle, segmentId, outputDir, progress, device, clinical)


class BreastFusionTest(base.ScriptedLoadableModuleTest):
    """Runs inside the application: ctest, the developers' button Test, `Slicer --testing --python-code`."""

    def setUp(self):
        """Start from an empty scene; ctest imports this file without opening the module."""
        findLibrary()
        slicer.mrmlScene.Clear()

    def runTest(self):
        """Outline, map and classify the lesion of a phantom exam, and compare with the library's own numbers."""
        self.setUp()
        from BreastFusionPanel import self_test

        self_test.run(self)
