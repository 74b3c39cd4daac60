"""What the tests of the bridge start from: an exam of a few voxels, a lesion, a reading."""

from __future__ import annotations

import pytest
import SimpleITK as sitk
from BreastFusionPanel.bridge.exam_nodes import add_exam
from BreastFusionPanel.bridge.reading_nodes import store_reading
from BreastFusionPanel.bridge.segments import add_lesion
from bridge_parts import GRID, make_exam, make_mask, study
from reading_parts import make_reading

from BreastFusionLib.exam.geometry import Box


@pytest.fixture
def parameters(scene):
    """The parameters of a study with an exam."""
    found = study()
    list(add_exam(make_exam(), found))
    return found


@pytest.fixture
def lesion(parameters):
    """A lesion in it: (parameters, segment ID)."""
    return parameters, add_lesion(parameters, make_mask())


@pytest.fixture
def folder(tmp_path):
    """The files of a reading, with maps on parts of the grids."""
    folder = tmp_path / "reading"
    folder.mkdir()
    for n, name in enumerate(("map_dce_gradcam", "map_dce_gradcampp", "map_t1_gradcampp")):
        part = GRID.cropped(Box((2, 1, 3), (3, 3, 2))).put_on(sitk.Image(3, 3, 2, sitk.sitkFloat32) + n / 10)
        part[1, 1, 1] = 0.75
        sitk.WriteImage(part, str(folder / f"{name}.nii.gz"))
    return folder


@pytest.fixture
def read(lesion, folder):
    """The lesion, with a reading."""
    store_reading(*lesion, make_reading(), folder)
    return lesion
