"""Save report and Export DICOM: everything that reading.json names is there, complete, and nothing is lost unasked."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import SimpleITK as sitk
from bridge_parts import move
from classify_fixtures import *  # noqa: F403
from classify_parts import last

from BreastFusionLib.exam.geometry import same_grid


@pytest.fixture
def folder(tmp_path):
    """With letters that are not ASCII, as users' folders have."""
    path = tmp_path / "Berichte über Brüste"
    path.mkdir()
    return path


@pytest.fixture
def reading(study, installed, worker, read, readings) -> dict:
    """The lesion was classified."""
    found = called(readings.with_meaning, "Lesion 1")
    read(found)
    worker.finish("stability", {"low": 0.4, "high": 0.6, "step_mm": 1.1})
    return found


def called(reading: dict, name: str) -> dict:
    """A reading of a lesion of this name."""
    return {**reading, "case_id": name, "lesion": {**reading["lesion"], "id": name}}


@pytest.fixture
def save(section, folder, dialogs, click):
    """Presses the button and chooses the folder; returns the lesion's own."""

    def press(*answers: bool):
        dialogs.answer(str(folder), *answers)
        click(section.ui.saveReportButton)
        found = sorted(path for path in folder.iterdir() if path.is_dir())
        return found[0] if found else None

    return press


def test_the_folder_is_named_by_pseudonym_and_lesion(reading, save, phantom_exam):
    assert save().name == f"{phantom_exam.exam.pseudonym}_Lesion-1"


def test_what_was_read_is_written_to_the_letter(reading, save):
    assert json.loads((save() / "reading.json").read_text(encoding="utf-8")) == reading


def test_every_file_that_the_reading_names_is_there_and_lies_where_it_should(reading, save, readings):
    target = save()
    names = [row["file"] for row in (*reading["maps"], *reading["mapping"].values())]
    assert len(names) == 9
    for name in names:
        ours, theirs = (sitk.ReadImage(str(folder / name)) for folder in (target, readings.folder))
        assert same_grid(ours, theirs), name
        np.testing.assert_array_equal(sitk.GetArrayFromImage(ours), sitk.GetArrayFromImage(theirs), err_msg=name)


def test_the_table_has_full_precision_and_the_settings(reading, save):
    with (save() / "features.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    values = {(row["source"], row["name"]): row["value"] for row in rows}
    for row in reading["features"]:
        assert values[row["source"], row["name"]] == ("" if row["value"] is None else repr(row["value"]))
    assert values["setting", "radiomics.settings.setting.binWidth"] == "0.1"


def test_the_outline_keeps_name_terminology_and_voxels(reading, save, study):
    import slicer

    path = save() / "lesion.seg.nrrd"
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    storage = slicer.vtkMRMLSegmentationStorageNode()
    storage.SetFileName(str(path))
    assert storage.ReadData(node)
    assert list(node.GetSegmentation().GetSegmentIDs()) == [study.segment_id]
    ours = node.GetSegmentation().GetSegment(study.segment_id)
    source = study.parameters.segmentation.GetSegmentation().GetSegment(study.segment_id)
    assert (ours.GetName(), ours.GetColor()) == (source.GetName(), pytest.approx(source.GetColor(), abs=1e-3))
    assert terminology(ours) == terminology(source) != ""
    from BreastFusionLib.lesion import read_mask

    mask = read_mask(path)
    assert int(sitk.GetArrayFromImage(mask).sum()) == int(sitk.GetArrayFromImage(study.mask).sum())


def test_an_outline_under_a_transform_is_saved_where_it_is_seen(study, tmp_path):
    from BreastFusionPanel.classify.saving import write_lesion

    from BreastFusionLib.lesion import measure, read_mask

    transform = move(study.parameters.segmentation, (10.0, -20.0, 30.0))
    write_lesion(study.parameters.segmentation, study.segment_id, tmp_path / "läsion.seg.nrrd")
    seen, drawn = (measure(mask).center_lps for mask in (read_mask(tmp_path / "läsion.seg.nrrd"), study.mask))
    # RAS to LPS turns the first two signs round.
    assert np.subtract(seen, drawn) == pytest.approx([-10.0, 20.0, 30.0], abs=1e-6)
    assert study.parameters.segmentation.GetTransformNodeID() == transform.GetID()


def test_saving_leaves_no_node_behind(reading, save):
    import slicer

    before = slicer.mrmlScene.GetNumberOfNodes()
    save()
    assert slicer.mrmlScene.GetNumberOfNodes() == before


def test_the_page_comes_from_the_process_and_everything_else_is_there_before(
    reading, section, save, worker, wait_until
):
    target = save()
    assert (target / "reading.json").is_file()
    assert not section.ui.saveReportButton.isEnabled()
    wait_until(lambda: worker.open("report").is_prepared)
    request = worker.open("report").arguments
    assert (request["reading"], request["out"]) == (str(target / "reading.json"), str(target))
    worker.finish("report", {"page": str(target / "report.html")})
    assert last(section) == f"Saved in {target}."
    assert section.ui.saveReportButton.isEnabled()
    assert not list(worker.folder.glob("report-*"))


def test_without_the_packages_of_the_page_all_else_is_saved_and_said(reading, section, save, worker, wait_until):
    target = save()
    wait_until(lambda: worker.open("report").is_prepared)
    worker.fail("report", "input", "matplotlib is not installed.")
    assert (target / "reading.json").is_file()
    assert last(section) == f"Saved in {target}, but without its page for the browser: matplotlib is not installed."


def test_the_page_s_case_is_small_and_shows_the_lesion_s_slices(reading, section, save, worker, wait_until, study):
    from BreastFusionLib.service.transfer import read_case

    save()
    wait_until(lambda: worker.open("report").is_prepared)
    case = read_case(worker.open("report").arguments["case"]).case
    whole, shown = sitk.GetArrayFromImage(study.mask), sitk.GetArrayFromImage(case.lesion.mask)
    np.testing.assert_array_equal(shown, whole)
    k = int(whole.sum(axis=(1, 2)).argmax())
    from BreastFusionPanel.bridge.exam_nodes import exam_of

    expected = sitk.GetArrayFromImage(exam_of(study.parameters).dce.phase(1).image)
    sent = sitk.GetArrayFromImage(case.exam.dce.phase(1).image)
    np.testing.assert_array_equal(sent[k], expected[k])
    assert not sent[0].any()


def test_what_is_there_is_replaced_only_when_that_was_confirmed(reading, section, save, worker, dialogs):
    target = save()
    worker.stop()
    section._save.is_saving = False
    section.refresh()
    (target / "reading.json").write_text("mine")
    assert save(False) == target
    assert (target / "reading.json").read_text() == "mine"
    save(True)
    assert json.loads((target / "reading.json").read_text()) == reading
    assert [asked.kind for asked in dialogs.asked].count("question") == 2


def test_a_lesion_that_was_renamed_is_saved_under_its_present_name(reading, save, study):
    study.parameters.segmentation.GetSegmentation().GetSegment(study.segment_id).SetName("Upper outer")
    target = save()
    assert target.name.endswith("_Upper-outer")
    assert json.loads((target / "reading.json").read_text(encoding="utf-8")) == called(reading, "Upper outer")


def test_an_outline_that_changes_while_a_folder_is_looked_for_is_not_saved(
    reading, section, folder, study, click, monkeypatch
):
    import qt
    from BreastFusionPanel.bridge.segments import replace_outline

    def choose(*_args):
        replace_outline(study.parameters, study.segment_id, sitk.BinaryDilate(study.mask, (1, 1, 1)))
        return str(folder)

    monkeypatch.setattr(qt.QFileDialog, "getExistingDirectory", choose)
    click(section.ui.saveReportButton)
    assert last(section) == "The outline, the exam or a clinical value changed since the reading: classify again."
    assert list(folder.iterdir()) == []


def test_the_page_shows_the_outline_that_was_saved_whatever_is_drawn_next(reading, save, worker, wait_until, study):
    from BreastFusionPanel.bridge.segments import replace_outline

    from BreastFusionLib.service.transfer import read_case

    save()
    replace_outline(study.parameters, study.segment_id, sitk.BinaryDilate(study.mask, (1, 1, 1)))
    wait_until(lambda: worker.open("report").is_prepared)
    sent = read_case(worker.open("report").arguments["case"]).case.lesion.mask
    np.testing.assert_array_equal(sitk.GetArrayFromImage(sent), sitk.GetArrayFromImage(study.mask))


def test_a_reading_that_cannot_take_the_place_of_another_leaves_no_mixture(reading, section, save, worker, monkeypatch):
    from BreastFusionPanel.classify import saving

    target = save()
    worker.finish("report", {})
    (target / "report.html").write_text("the page of the reading before")
    (target / "notes.txt").write_text("mine")

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(saving, "write_text", full)
    save(True)
    assert "No space left on device" in last(section)
    assert not (target / "reading.json").exists()
    assert not (target / "report.html").exists()
    assert (target / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["../../outside.nii.gz", "/tmp/outside.nii.gz", "C:outside.nii.gz", "map.py", 7])
def test_a_reading_that_came_with_a_scene_leads_out_of_no_folder(reading, section, study, folder, save, name):
    from BreastFusionPanel.bridge.reading_nodes import reading_of

    node = reading_of(study.parameters, study.segment_id).node
    maps = [{**reading["maps"][0], "file": name}, *reading["maps"][1:]]
    node.SetText(json.dumps({**reading, "maps": maps}))
    section.refresh()
    assert save() is None
    assert "which is none of a reading" in last(section)
    assert list(folder.parent.rglob("outside*")) == []


def test_no_half_written_file_is_left(reading, save):
    assert not [path.name for path in save().iterdir() if path.name.startswith(".")]


def test_a_folder_that_cannot_be_written_is_a_sentence(reading, section, folder, save):
    (folder / "P0000_Lesion-1").write_text("a file where the folder should be")
    for path in folder.iterdir():
        path.rename(folder / f"{section._save._name(section.context.parameters.selectedLesion)}")
    save()
    assert "cannot be written" in last(section)


def test_a_cancelled_folder_dialog_saves_nothing(reading, section, folder, dialogs, click):
    dialogs.answer("")
    click(section.ui.saveReportButton)
    assert list(folder.iterdir()) == []


def test_dicom_export_says_before_what_it_needs(reading, section):
    assert not section.ui.exportDicomButton.isEnabled()
    assert "DICOM segmentations" in section.ui.exportDicomButton.toolTip


@pytest.mark.parametrize(
    ("pseudonym", "lesion", "name"),
    [
        ("P0001", "Lesion 1", "P0001_Lesion-1"),
        ("../../etc", "a/b\\c:d", "etc_a-b-c-d"),
        ("Ärztin", "läsion", "Ärztin_läsion"),
    ],
)
def test_names_of_folders_lead_nowhere_else(scene, pseudonym, lesion, name):
    from BreastFusionPanel.classify.saving import folder_name

    assert folder_name(pseudonym, lesion) == name


def terminology(segment) -> str:
    import vtk

    text = vtk.mutable("")
    segment.GetTag(segment.GetTerminologyEntryTagName(), text)
    return str(text)


def test_a_whole_breasts_projection_and_its_maps_are_kept_and_saved(reading, study, section, save, readings, tmp_path):
    from BreastFusionPanel.bridge.reading_nodes import reading_of, store_reading

    # The DCE series' own crop as the model would see the breast: one slice, as thick as the volume.
    source = tmp_path / "breast"
    source.mkdir()
    mip = sitk.GetImageFromArray(np.random.default_rng(0).random((1, 6, 8), dtype=np.float32))
    mip.SetSpacing((20.0, 30.0, 150.0))
    names = {"gradcam": "map_mip_gradcam.nii.gz", "gradcam++": "map_mip_gradcampp.nii.gz"}
    for name in ("mip.nii.gz", *names.values()):
        sitk.WriteImage(mip, str(source / name))
    maps = [{"sequence": "mip", "method": m, "file": f, "cell_size_mm": [40.0, 60.0]} for m, f in names.items()]
    breast = {**reading, "maps": maps, "projection": {"file": "mip.nii.gz"}, "mapping": {}}
    store_reading(study.parameters, study.segment_id, breast, source)
    section.refresh()
    assert set(reading_of(study.parameters, study.segment_id).map_nodes) == {
        ("mip", "gradcam"),
        ("mip", "gradcam++"),
        ("mip", "image"),
    }
    assert section.ui.showMapDceCheckBox.isVisibleTo(section.widget)  # what it was made of
    assert not section.ui.showMapT1CheckBox.isVisibleTo(section.widget)
    target = save()
    for name in ("mip.nii.gz", *names.values()):
        np.testing.assert_array_equal(
            sitk.GetArrayFromImage(sitk.ReadImage(str(target / name))), sitk.GetArrayFromImage(mip)
        )
