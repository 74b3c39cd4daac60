"""A lesion that cannot be read, as it was drawn or as others changed the nodes, ends with its sentence."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
from bad_input_parts import draw, in_plain_words
from BreastFusionPanel.bridge.geometry import add_volume, image_of, update_volume
from bridge_parts import move

pytestmark = [pytest.mark.slow, pytest.mark.installed]


# Lesions: '+ Draw'


def nothing(mask: np.ndarray) -> None:
    mask[:] = 0


def one_voxel(mask: np.ndarray) -> None:
    inside = np.argwhere(mask)
    mask[:] = 0
    mask[tuple(inside[len(inside) // 2])] = 1


def one_slice(mask: np.ndarray) -> None:
    number = int(np.median(np.argwhere(mask)[:, 0]))
    mask[:number] = mask[number + 1 :] = 0


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
    move(parameters.t1Volume, (500.0, 0.0, 0.0))


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
    draw(reader, originals)
    change(reader.parameters, sitk.ReadImage(str(originals / "exam" / "lesions" / "L1.nii.gz")))
    reader.wait(reader.is_idle, "what follows from it")
    reader.begin_to_classify()
    reader.wait(reader.is_idle, "the sentence")
    assert words in in_plain_words(reader)
    assert reader.result is None
    assert "Nothing is drawn yet" not in reader.panel.lesion.ui.hintLabel.text
