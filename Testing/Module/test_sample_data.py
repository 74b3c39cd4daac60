"""The demo exam among Slicer's sample data: registered when the application has started, made without a network."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from types import ModuleType

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def sources(scene, monkeypatch) -> dict[str, list[dict]]:
    """What was registered with the module Sample Data, a stand-in that takes what Slicer's takes."""
    found: dict[str, list[dict]] = {}

    class SampleDataLogic:
        @staticmethod
        def registerCustomSampleDataSource(
            category="Custom",
            sampleName=None,
            uris=None,
            fileNames=None,
            nodeNames=None,
            customDownloader=None,
            thumbnailFileName=None,
            loadFileType="VolumeFile",
            loadFiles=None,
            loadFileProperties=None,
            checksums=None,
        ):
            # Slicer's own class counts them against each other, and fails for none.
            assert isinstance(uris, str) and isinstance(fileNames, str)
            source = {"name": sampleName, "load": customDownloader, "thumbnail": thumbnailFileName}
            if source not in found.setdefault(category, []):
                found[category].append(source)

    module = ModuleType("SampleData")
    module.SampleDataLogic = SampleDataLogic
    monkeypatch.setitem(sys.modules, "SampleData", module)
    return found


def test_it_is_registered_once_the_application_has_started(panel, sources):
    import slicer

    assert not sources
    slicer.app.startupCompleted.emit()
    slicer.app.startupCompleted.emit()
    (source,) = sources["BreastFusion"]
    assert source["name"] == "Breast MRI (synthetic)"
    assert Path(source["thumbnail"]).is_file()


def test_its_picture_shows_the_exam_that_is_loaded(slicer_app):
    from BreastFusionPanel.sample_data import DEMO_EXAM

    script = ast.parse((REPOSITORY / "Resources" / "make_icons.py").read_text(encoding="utf-8"))
    (drawn,) = (
        tuple(element.value for element in node.value.elts)
        for node in script.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DEMO_EXAM"
    )
    assert drawn == (DEMO_EXAM["seed"], DEMO_EXAM["number"])


def test_registering_it_does_not_slow_the_applications_start():
    """Read from the text: here somebody else may have imported what is not to be imported."""
    path = REPOSITORY / "BreastFusion" / "BreastFusionPanel" / "sample_data.py"
    imports = [node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.ImportFrom)]
    assert {node.module for node in imports} == {"__future__", "pathlib", "typing", "slicer.i18n"}


def test_what_goes_wrong_is_shown_to_who_clicked(panel, sources, caplog, monkeypatch):
    """Slicer's error display; it has its box where there is a main window, and its line in the log everywhere."""
    from BreastFusionPanel import sample_data

    def fail() -> None:
        raise RuntimeError("no process can be started")

    monkeypatch.setattr(sample_data, "load", fail)
    sample_data.register()
    with pytest.raises(RuntimeError):
        sources["BreastFusion"][0]["load"](None)
    (shown,) = caplog.messages
    assert "The demo exam could not be made." in shown and "no process can be started" in shown


def test_loading_it_fills_the_panel(panel, sources, monkeypatch):
    """A small one here: the whole one takes seconds to compute."""
    from BreastFusionPanel import sample_data

    monkeypatch.setattr(sample_data, "DEMO_EXAM", {**sample_data.DEMO_EXAM, "small": True})
    sample_data.register()
    nodes = sources["BreastFusion"][0]["load"](None)
    parameters = panel.logic.getParameterNode()
    assert [parameters.dceSequence, parameters.t1Volume, parameters.t2Volume] == nodes
    assert parameters.dceSequence.GetNumberOfDataNodes() == 5
    panel.enter()
    assert panel.panel.exam.ui.dceSelector.currentNode() is parameters.dceSequence
    assert panel.panel.exam.ui.phaseTable.rowCount == 5
