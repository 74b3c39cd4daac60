"""A phase of which only a box is at hand."""

import numpy as np
import pytest
import SimpleITK as sitk

from BreastFusionLib.exam.geometry import Box, Grid
from BreastFusionLib.exam.partial import PartialPhase

pytestmark = pytest.mark.fast

GRID = Grid((5, 6, 7), (1.0, 1.5, 2.0), (3.0, -2.0, 10.0))


def test_voxels_of_the_box_lie_in_the_whole_where_they_belong():
    box = Box((1, 2, 3), (2, 3, 1))
    whole = PartialPhase(0.0, GRID.cropped(box).empty_image() + 7, box, GRID).image
    expected = np.zeros((7, 6, 5))
    expected[3, 2:5, 1:3] = 7
    assert np.array_equal(sitk.GetArrayFromImage(whole), expected)
    assert Grid.of(whole) == GRID


def test_a_volume_that_is_read_and_not_asked_to_stay_is_not_kept():
    """An exam that is put into a scene would lie in memory twice else."""
    reads = []
    phase = PartialPhase(0.0, lambda: reads.append(1) or GRID.empty_image(), Box((0, 0, 0), GRID.size), GRID)
    phase.read()
    phase.read()
    assert len(reads) == 2
