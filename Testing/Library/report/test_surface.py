"""Surfaces lie where the mask lies and have its volume; a machine that cannot render says so."""

from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from BreastFusionLib.report import SurfaceError, render_surfaces
from BreastFusionLib.report.render import surface_of


@pytest.fixture(scope="module")
def ball(made_up: SimpleNamespace) -> sitk.Image:
    return made_up.volume((0.8, 1.1, 3.0), 0, 1)[1]


def test_a_balls_surface_has_its_place_and_volume(ball: sitk.Image) -> None:
    import vtk

    mass = vtk.vtkMassProperties()
    surface = surface_of(ball, step_mm=0.4, smoothing_mm=0.6)
    mass.SetInputData(surface)
    assert mass.GetVolume() == pytest.approx(4 / 3 * np.pi * 8**3, rel=0.1)
    assert np.reshape(surface.GetBounds(), (3, 2)).mean(axis=1) == pytest.approx([5, -4, 2], abs=0.6)


@pytest.mark.slow
def test_pictures_show_an_orange_lesion_of_the_right_size(ball: sitk.Image) -> None:
    try:
        found = render_surfaces(ball, breast=sitk.BinaryDilate(ball, (12, 12, 4)))
    except SurfaceError as error:
        pytest.skip(str(error))
    assert set(found) == {"lesion", "breast"}
    picture = found["lesion"]
    pixels = np.asarray(Image.open(io.BytesIO(picture.png)).convert("RGB")).astype(int)
    assert pixels.shape[1] == picture.width_px
    lesion = pixels[..., 0] > pixels[..., 2] + 20
    columns = np.flatnonzero(lesion.any(axis=0))
    assert np.ptp(columns) * picture.mm_per_px == pytest.approx(16, abs=1.5)


def test_an_empty_mask_is_refused(ball: sitk.Image) -> None:
    with pytest.raises(ValueError, match="empty"):
        render_surfaces(ball * 0)


def test_a_renderer_that_dies_is_an_error_with_words(ball: sitk.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(SurfaceError, match=r"ended without a word.*Install a graphics library"):
        render_surfaces(ball)
