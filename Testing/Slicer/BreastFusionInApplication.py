"""The module inside 3D Slicer: run by ctest, or by hand with the command in CONTRIBUTING.md.

The module's own test, BreastFusionTest, checks the numbers; here stands what only the application itself can show.
"""

import sys
import time
import unittest

import slicer


class BreastFusionInApplication(unittest.TestCase):
    """The module as the application loads it."""

    def setUp(self):
        slicer.mrmlScene.Clear()

    def test_the_module_is_loaded_with_its_help_and_icon(self):
        module = slicer.modules.breastfusion
        assert module.title == "BreastFusion"
        assert "readExams" in module.helpText
        assert not module.icon.isNull()

    def test_it_opens_quickly_and_without_torch(self):
        had_torch = "torch" in sys.modules
        start = time.perf_counter()
        widget = slicer.modules.breastfusion.widgetRepresentation()
        seconds = time.perf_counter() - start
        assert slicer.util.findChild(widget, "classifyButton") is not None
        assert seconds < 0.5, f"opening took {seconds:.2f} s"
        assert ("torch" in sys.modules) == had_torch

    def test_the_demo_exam_comes_from_sample_data(self):
        (source,) = slicer.modules.sampleDataSources["BreastFusion"]
        source.customDownloader(source)
        assert slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSequenceNode") is not None
