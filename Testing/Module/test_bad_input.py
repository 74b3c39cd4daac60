"""Input that cannot be used: each kind ends with its sentence in the panel, and never with a traceback.

The list is that of the library's own tests of bad input, as far as it can reach the panel.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
import vtk
from BreastFusionPanel.bridge.geometry import add_volume, image_of, update_volume
from BreastFusionPanel.bridge.segments import replace_outline

from BreastFusionLib.exam import write_exam
from BreastFusionLib.files import sha256_of_file
from BreastFusionLib.phantom import make_exam
from BreastFusionLib.phantom.dicom import write_dicom_study

pytestmark = [pytest.mark.slow, pytest.mark.installed]


@pytest.fixture(scope="module")
def originals(tmp_path_factory) -> Path:
    """A phantom as the DICOM study `dicom` and as the exam folder `exam`, and another patient's study `other`."""
    folder = tmp_path_factory.mktemp("originals")
    made = make_exam(5, 1, small=True)
    write_dicom_study(made, folder / "dicom")
    write_dicom_study(make_exam(5, 2, small=True), folder / "other")
    write_exam(made.exam, folder / "exam", {"L1": made.lesion.mask})
    return folder


def in_plain_words(person) -> str:
    """The sentence in the message line, which must be one that the user can act on."""
    assert person.message.endswith(".")
    assert "Traceback" not in person.message and "unexpected" not in person.message
    assert person.panel.messages.details == ""
    return person.message


# Studies: 'Open study folder…'


def empty(study: Path) -> None:
    shutil.rmtree(study)
    study.mkdir()


def no_image(study: Path) -> None:
    empty(study)
    (study / "letter.txt").write_text("Dear colleague", encoding="utf-8")


def moved_away(study: Path) -> None:
    shutil.rmtree(study)


def no_dce(study: Path) -> None:
    for series in study.glob("*_dce"):
        shutil.rmtree(series)


def truncated_dicom(study: Path) -> None:
    truncated(study / "04_dce" / "IM00011.dcm", 3000)


def missing_slice(study: Path) -> None:
    (study / "05_dce" / "IM00011.dcm").unlink()


def two_patients(study: Path) -> None:
    shutil.copytree(study.parent / "other" / "04_dce", study / "another")


def damaged_description(study: Path) -> None:
    (study / "exam.json").write_text("{", encoding="utf-8")


def missing_file(study: Path) -> None:
    (study / "t2.nii.gz").unlink()


def truncated_nifti(study: Path) -> None:
    truncated(study / "dce_2.nii.gz", 5000)


def not_a_number(study: Path) -> None:
    with_value(study / "dce_1.nii.gz", np.nan)


def infinite(study: Path) -> None:
    with_value(study / "t1.nii.gz", np.inf)


def two_dimensional(study: Path) -> None:
    path = study / "t1.nii.gz"
    sitk.WriteImage(sitk.ReadImage(str(path))[:, :, 20], str(path))


def truncated(path: Path, length: int) -> None:
    path.write_bytes(path.read_bytes()[:length])


def with_value(path: Path, value: float) -> None:
    image = sitk.ReadImage(str(path), sitk.sitkFloat32)
    image[10, 20, 30] = value
    sitk.WriteImage(image, str(path))


@pytest.mark.parametrize(
    ("source", "spoil", "words"),
    [
        ("dicom", empty, "is empty: no file in it or below it. Give the folder"),
        ("dicom", no_image, "no DICOM, NIfTI or NRRD image (for example letter.txt). Give the folder"),
        ("dicom", moved_away, "does not exist. Give the folder"),
        ("dicom", truncated_dicom, "IM00011.dcm is truncated: it ends before its pixel data does (3,000 bytes)"),
        ("dicom", missing_slice, "misses 1 slice: 5 mm between IM00010.dcm at"),
        ("dicom", two_patients, "holds images of 2 patients"),
        ("exam", damaged_description, "exam.json is damaged"),
        ("exam", missing_file, "t2.nii.gz is missing, although exam.json names it"),
        ("exam", truncated_nifti, "dce_2.nii.gz is damaged or truncated"),
        ("exam", not_a_number, "dce_1.nii.gz has 1 voxels that are NaN or infinite"),
        ("exam", infinite, "t1.nii.gz has 1 voxels that are NaN or infinite"),
        ("exam", two_dimensional, "t1.nii.gz is an image of 192x160 pixels (2-D), but a volume is expected"),
    ],
)
def test_a_study_that_cannot_be_read_leaves_the_panel_as_it_was(person, originals, tmp_path, source, spoil, words):
    study = tmp_path / "Größe 乳房"
    shutil.copytree(originals / source, study)
    (tmp_path / "other").symlink_to(originals / "other")
    spoil(study)
    person.open_study(study)
    assert words in in_plain_words(person)
    assert slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") == []
    assert person.panel.exam.ui.openStudyButton.text == "Open study folder…"
    assert person.panel.classify.ui.classifyButton.toolTip == "Load an exam first (section 1)."


def test_a_study_without_dce_shows_what_it_has_and_says_what_is_missing(person, originals, tmp_path):
    study = Path(shutil.copytree(originals / "dicom", tmp_path / "study"))
    no_dce(study)
    person.open_study(study)
    assert in_plain_words(person).startswith("No DCE series was recognised")
    assert person.parameters.t1Volume is not None and person.parameters.t2Volume is not None
    assert person.panel.classify.ui.classifyButton.toolTip == "Load an exam first (section 1)."


def test_one_phase_gives_neither_kinetics_nor_a_reading(person, originals, demo_bundle, tmp_path):
    study = Path(shutil.copytree(originals / "dicom", tmp_path / "study"))
    for series in sorted(study.glob("*_dce"))[1:]:
        shutil.rmtree(series)
    person.open_study(study)
    notes = person.panel.exam.ui.examNotesList
    assert any("one phase only" in notes.item(row).text() for row in range(notes.count))
    draw(person, originals, all_of_it)
    assert not person.sees(person.panel.lesion.ui.kineticsLabel)
    person.import_model(demo_bundle)
    person.classify()
    assert "has one phase only: at least one before and one after contrast are needed" in in_plain_words(person)
    assert person.result is None


# Lesions: '+ Draw'


def all_of_it(_mask: np.ndarray) -> None:
    """Leaves a mask as it is."""


def nothing(mask: np.ndarray) -> None:
    mask[:] = 0


def one_voxel(mask: np.ndarray) -> None:
    inside = np.argwhere(mask)
    mask[:] = 0
    mask[tuple(inside[len(inside) // 2])] = 1


def one_slice(mask: np.ndarray) -> None:
    number = int(np.median(np.argwhere(mask)[:, 0]))
    mask[:number] = mask[number + 1 :] = 0


def draw(person, originals: Path, change: Callable[[np.ndarray], None]) -> None:
    """Press 'Draw' and paint the phantom's lesion, or what `change` leaves of it."""
    truth = sitk.ReadImage(str(originals / "exam" / "lesions" / "L1.nii.gz"))
    pixels = sitk.GetArrayFromImage(truth)
    change(pixels)
    mask = sitk.GetImageFromArray(pixels)
    mask.CopyInformation(truth)
    person.press(person.panel.lesion.ui.drawButton)
    if pixels.any():
        replace_outline(person.parameters, person.parameters.selectedLesion, mask)
        person.panel.lesion.watch.settle()


@pytest.fixture
def reader(person, originals, demo_bundle):
    """The person, with the exam opened and a model imported."""
    person.open_study(originals / "exam")
    person.import_model(demo_bundle)
    return person


def test_an_empty_outline_is_not_read(reader, originals):
    draw(reader, originals, nothing)
    button = reader.panel.classify.ui.classifyButton
    assert not button.isEnabled() and button.toolTip.startswith("Nothing is drawn yet")
    reader.panel.classify.classify()  # Ctrl+Enter, where nobody sees a tooltip
    assert in_plain_words(reader) == button.toolTip
    assert reader.result is None


@pytest.mark.parametrize(
    ("shape", "while_drawing", "in_the_reading"),
    [
        (one_voxel, "The lesion is a single voxel", "Undefined: shape (13 features), firstorder (2 features)."),
        (one_slice, "The lesion is small on DCE", "LeastAxisLength and Flatness are 0"),
    ],
)
def test_a_lesion_that_is_too_small_is_read_and_what_is_undefined_named(
    reader, originals, shape, while_drawing, in_the_reading
):
    draw(reader, originals, shape)
    assert while_drawing in reader.panel.lesion.ui.lesionWarningLabel.text
    reader.classify()
    assert reader.message == ""
    assert any(in_the_reading in warning for warning in reader.result.mapping["warnings"])
    assert while_drawing in reader.panel.classify.ui.warningsLabel.text


# What others do to the nodes


def t1_far_away(parameters, _lesion) -> None:
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(0, 3, 500.0)
    transform.SetMatrixTransformToParent(matrix)
    parameters.t1Volume.SetAndObserveTransformNodeID(transform.GetID())


def t1_of_one_slice_elsewhere(parameters, _lesion) -> None:
    parameters.t1Volume = add_volume(image_of(parameters.t1Volume)[:, :, 0:1], "scout")


def t1_chosen_twice(parameters, _lesion) -> None:
    parameters.t2Volume = parameters.t1Volume


def t1_infinite(parameters, _lesion) -> None:
    pixels = slicer.util.arrayFromVolume(parameters.t1Volume).astype(np.float32)
    pixels[0, 0, 0] = np.inf
    slicer.util.updateVolumeFromArray(parameters.t1Volume, pixels)


def lesion_not_a_number(parameters, lesion) -> None:
    used = parameters.dceSequence.GetNthDataNode(2)
    pixels = slicer.util.arrayFromVolume(used).astype(np.float32)
    pixels[sitk.GetArrayViewFromImage(lesion) != 0] = np.nan
    slicer.util.updateVolumeFromArray(used, pixels)


def outline_on_the_grid_of_t1(parameters, lesion) -> None:
    on_t1 = sitk.Resample(lesion, image_of(parameters.t1Volume), sitk.Transform(), sitk.sitkNearestNeighbor)
    labels = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode")
    update_volume(labels, on_t1)
    drawn = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    assert slicer.modules.segmentations.logic().ImportLabelmapToSegmentationNode(labels, drawn)
    parameters.segmentation = drawn
    parameters.selectedLesion = drawn.GetSegmentation().GetNthSegmentID(0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (t1_far_away, "The lesion lies outside the field of view of the T1 series"),
        (t1_of_one_slice_elsewhere, "The lesion lies outside the field of view of the T1 series 'scout'"),
        (t1_chosen_twice, "is chosen as T1 and as T2: choose another series for one, or none."),
        (t1_infinite, "t1_fl3d_tra_nonfs: The image has voxels that are NaN or infinite"),
        (lesion_not_a_number, "The image has voxels that are NaN or infinite"),
        (outline_on_the_grid_of_t1, "was not drawn on this image: its voxels (1.8 x 1.8 x 3 mm) are not those of"),
    ],
)
def test_nodes_that_cannot_be_read_are_a_sentence(reader, originals, change, words):
    draw(reader, originals, all_of_it)
    change(reader.parameters, sitk.ReadImage(str(originals / "exam" / "lesions" / "L1.nii.gz")))
    reader.wait(reader.is_idle, "what follows from it")
    reader.begin_to_classify()
    reader.wait(reader.is_idle, "the sentence")
    assert words in in_plain_words(reader)
    assert reader.result is None
    assert "Nothing is drawn yet" not in reader.panel.lesion.ui.hintLabel.text


# Models: 'Import…'


def no_model(bundle: Path) -> None:
    empty(bundle)


def wrong_checksum(bundle: Path) -> None:
    (bundle / "weights.safetensors").write_bytes(b"other weights")


def newer_schema(bundle: Path) -> None:
    change_json(bundle / "metadata.json", lambda content: content.update(schema="breastfusion.bundle/99"))


def unknown_network(bundle: Path) -> None:
    change_recipe(bundle, lambda recipe: recipe["model"]["encoder"].update(name="resnet5O"))


def unknown_key(bundle: Path) -> None:
    change_recipe(bundle, lambda recipe: recipe["inputs"].update(sequense=["dce"]))


def change_json(path: Path, change: Callable[[dict], None]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def change_recipe(bundle: Path, change: Callable[[dict], None]) -> None:
    """Change the recipe and sign the bundle again, as somebody who edits it by hand."""
    change_json(bundle / "recipe.json", change)
    sums = {path.name: sha256_of_file(path) for path in bundle.iterdir() if path.name != "checksums.json"}
    (bundle / "checksums.json").write_text(json.dumps(sums), encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (no_model, "metadata.json"),
        (wrong_checksum, "weights.safetensors was changed or damaged"),
        (newer_schema, "Update BreastFusion"),
        (unknown_key, "Did you mean 'sequences'?"),
    ],
)
def test_a_model_that_cannot_be_used_is_not_installed(person, demo_bundle, models, tmp_path, spoil, words):
    bundle = Path(shutil.copytree(demo_bundle, tmp_path / "Modell ß"))
    spoil(bundle)
    person.import_model(bundle)
    assert words in in_plain_words(person)
    assert person.panel.classify.ui.bundleComboBox.count == 0
    assert not models.exists() or list(models.iterdir()) == []


def test_a_model_whose_network_is_unknown_here_says_so_where_it_is_chosen(person, originals, demo_bundle, tmp_path):
    bundle = Path(shutil.copytree(demo_bundle, tmp_path / "Modell ß"))
    unknown_network(bundle)
    person.open_study(originals / "exam")
    draw(person, originals, all_of_it)
    person.import_model(bundle)
    ui = person.panel.classify.ui
    assert "There is no encoder 'resnet5O'. Did you mean 'resnet50'?" in ui.bundleStatusLabel.text
    assert not ui.classifyButton.isEnabled() and ui.classifyButton.toolTip == ui.bundleStatusLabel.text
    person.panel.classify.classify()  # Ctrl+Enter
    assert in_plain_words(person) == ui.bundleStatusLabel.text


# Many exams: 'Read all exams'


def test_an_exam_that_cannot_be_read_is_counted_and_the_rest_goes_on(reader, originals, tmp_path):
    exams = tmp_path / "Studien"
    for name, spoil in {"P1": lambda _exam: None, "P2": truncated_nifti, "P3": no_image}.items():
        spoil(Path(shutil.copytree(originals / "exam", exams / name)))
    ui = reader.panel.setup.ui
    ui.setupCollapsibleButton.setCollapsed(False)
    ui.examsFolderEdit.setCurrentPath(str(exams))
    ui.readingsFolderEdit.setCurrentPath(str(tmp_path / "readings"))
    reader.press(ui.readExamsButton)
    reader.wait(reader.is_idle, "the batch")
    said = ui.examsResultLabel.text
    assert said.startswith("1 of 3 read; 2 failed, the first one: dce_2.nii.gz is damaged or truncated")
    table = (tmp_path / "readings" / "readings.csv").read_text(encoding="utf-8")
    assert "letter.txt" in table and "Traceback" not in said + table


# A full disk


def test_a_full_disk_stops_nothing_but_what_needs_it(reader, originals, monkeypatch):
    import BreastFusionLib.service.transfer as transfer

    draw(reader, originals, all_of_it)

    def full(*_arguments: object, **_options: object) -> None:
        raise OSError("65536 requested and 4096 written")  # NumPy's words for it

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(transfer.np, "save", full)
        reader.begin_to_classify()
        reader.wait(reader.is_idle, "the sentence")
    assert "free some disk space, and try again" in in_plain_words(reader)
    reader.classify()
    assert reader.result is not None


def test_without_a_folder_for_temporary_files_the_next_click_works(newcomer, monkeypatch):
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(tempfile, "tempdir", "/nowhere")
        newcomer.begin_demo_exam()
        assert "Temporary files cannot be written" in in_plain_words(newcomer)
        assert newcomer.panel.exam.ui.loadDemoButton.text == "Load demo exam"
    newcomer.load_demo_exam()
    assert newcomer.parameters.dceSequence is not None
