"""The mesh measures what PyRadiomics' compiled code measures, and what can be computed by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from BreastFusionLib.features.mesh import measure_mesh

pytestmark = pytest.mark.fast

masks = hnp.arrays(bool, hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=6)).filter(np.any)
spacings = st.tuples(*[st.floats(0.2, 5.0)] * 3).map(np.array)


@settings(max_examples=150, deadline=None)
@given(masks, spacings)
def test_equal_to_the_compiled_code(inside, spacing_mm) -> None:
    compiled = pytest.importorskip("radiomics._cshape", reason="nothing provides radiomics")
    inside = np.pad(inside, 1)
    area, volume, diameters = compiled.calculate_coefficients(inside, spacing_mm)
    mesh = measure_mesh(inside, spacing_mm)
    assert (mesh.area_mm2, mesh.volume_mm3) == pytest.approx((area, volume), rel=1e-11)
    assert (*mesh.diameters_2d_mm, mesh.diameter_3d_mm) == pytest.approx(diameters, rel=1e-12)


def test_single_voxel_is_an_octahedron() -> None:
    inside = np.zeros((3, 3, 3), bool)
    inside[1, 1, 1] = True
    mesh = measure_mesh(inside, np.array([2.0, 2.0, 2.0]))
    assert mesh.volume_mm3 == pytest.approx(8 / 6)
    assert mesh.area_mm2 == pytest.approx(4 * np.sqrt(3))
    assert mesh.diameter_3d_mm == pytest.approx(2.0)
    assert mesh.diameters_2d_mm == pytest.approx((2.0, 2.0, 2.0))


def test_large_ball_tends_to_the_ball() -> None:
    offset = np.indices((47, 47, 47)) - 23
    mesh = measure_mesh(np.sqrt((offset**2).sum(axis=0)) <= 20, np.ones(3))
    assert mesh.volume_mm3 == pytest.approx(4 / 3 * np.pi * 20.0**3, rel=0.02)
    assert mesh.diameter_3d_mm == pytest.approx(41.0, abs=0.5)
    assert mesh.diameters_2d_mm == pytest.approx((41.0, 41.0, 41.0), abs=0.5)


@settings(max_examples=25, deadline=None)
@given(masks, spacings)
def test_diameters_are_independent_of_place_and_order_of_axes(inside, spacing_mm) -> None:
    # PyRadiomics' volume and area are not where voxels touch at an edge only: its mesh has holes there.
    mesh = measure_mesh(np.pad(inside, 1), spacing_mm)
    moved = measure_mesh(np.pad(inside, ((4, 1), (2, 3), (1, 5))), spacing_mm)
    turned = measure_mesh(np.pad(inside, 1).transpose(2, 0, 1).copy(), spacing_mm[[2, 0, 1]])
    for other, axes in ((moved, (0, 1, 2)), (turned, (2, 0, 1))):
        assert other.diameter_3d_mm == pytest.approx(mesh.diameter_3d_mm, rel=1e-12)
        assert other.diameters_2d_mm == pytest.approx([mesh.diameters_2d_mm[axis] for axis in axes], rel=1e-12)
