"""DICOM segmentations: what an export needs is said before, and the application's own exporter does it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from BreastFusionLib.errors import InputError

UIDS = "1.2.3.1 1.2.3.2"


class Exporter:
    """Stands for the exporter of Slicer's core, with its names; needs command line tools that are not here."""

    refusal: Exception | None = None
    cleaned = 0

    def __init__(self, segmentation) -> None:
        self.segmentation = segmentation

    def export(self, folder, name, metadata, segmentIDs=None, skipEmpty=False) -> None:
        if self.refusal is not None:
            raise self.refusal
        words = f"{self.segmentation.GetName()} {segmentIDs} {metadata['SeriesDescription']}"
        (Path(folder) / name).write_text(words)

    def cleanup(self) -> None:
        type(self).cleaned += 1


@pytest.fixture
def volume(scene):
    import slicer

    return slicer.util.addVolumeFromArray(np.zeros((4, 5, 6)), name="dce")


@pytest.fixture
def segmentation(volume):
    import slicer

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "lesions")
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    node.GetSegmentation().AddEmptySegment("L1", "Lesion 1")
    return node


@pytest.fixture
def exporter(monkeypatch):
    import slicer

    module = ModuleType("DICOMSegmentationPlugin")
    module.DICOMSegmentationExporter = type("DICOMSegmentationExporter", (Exporter,), {})
    plugin = type("DICOMSegmentationPluginClass", (), {"__module__": module.__name__})
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(slicer.modules, "dicomPlugins", {"DICOMSegmentationPlugin": plugin}, raising=False)
    return module.DICOMSegmentationExporter


@pytest.fixture
def database(monkeypatch, volume):
    import slicer

    files = dict.fromkeys(UIDS.split(), "/somewhere/file.dcm")
    found = SimpleNamespace(files=files, fileForInstance=lambda uid: files.get(uid, ""))
    monkeypatch.setattr(slicer, "dicomDatabase", found, raising=False)
    volume.SetAttribute("DICOM.instanceUIDs", UIDS)
    return found


def test_without_a_lesion_there_is_nothing_to_export(scene):
    from BreastFusionPanel.classify.dicom_export import export_problem

    assert export_problem(None) == "Outline a lesion first."


def test_an_application_without_exporter_says_where_to_get_one(segmentation):
    from BreastFusionPanel.classify.dicom_export import export_problem

    assert "QuantitativeReporting" in export_problem(segmentation)


def test_a_series_from_elsewhere_cannot_be_named_by_a_segmentation(segmentation, exporter):
    from BreastFusionPanel.classify.dicom_export import export_problem

    assert "load the study with the module DICOM" in export_problem(segmentation)


def test_images_that_left_the_database_are_noticed(segmentation, exporter, database):
    from BreastFusionPanel.classify.dicom_export import export_problem

    assert export_problem(segmentation) == ""
    del database.files["1.2.3.2"]
    assert "import the study again" in export_problem(segmentation)


def test_the_application_s_exporter_writes_this_lesion_only(segmentation, exporter, database, tmp_path):
    from BreastFusionPanel.classify.dicom_export import export_lesion

    path = tmp_path / "out" / "P1_Lesion-1.SEG.dcm"
    export_lesion(segmentation, "L1", path)
    assert path.read_text() == "lesions ['L1'] Lesion outlined on DCE-MRI"
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    assert exporter.cleaned == 1


@pytest.mark.parametrize("refusal", [ValueError("no terminology"), RuntimeError("itkimage2segimage failed")])
def test_a_refusal_is_a_sentence_and_leaves_the_old_file(segmentation, exporter, database, tmp_path, refusal):
    from BreastFusionPanel.classify.dicom_export import export_lesion

    path = tmp_path / "P1.SEG.dcm"
    path.write_text("old")
    exporter.refusal = refusal
    with pytest.raises(InputError, match=f"exporter refused: {refusal}"):
        export_lesion(segmentation, "L1", path)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert exporter.cleaned == 1
