"""Pictures of a whole breast: its projection, the lesion's shadow on it, and the maps laid over."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import SimpleITK as sitk

from BreastFusionLib.exam.geometry import Grid, resample_onto
from BreastFusionLib.reading.recipe import PROJECTION
from BreastFusionLib.report.page import Html, element
from BreastFusionLib.report.pictures import map_caption
from BreastFusionLib.report.slices import SliceView, slice_panel

__all__ = ["projection_panels", "projection_view"]

_SHOWN_PX = 170  # a breast is narrow: side by side, its pictures stay as high as a screen is


def projection_panels(
    projection: sitk.Image,
    lesion: sitk.Image | None,
    maps: Mapping[tuple[str, str], sitk.Image],
    cell_size_mm: Mapping[str, tuple[float, float]],
) -> Html:
    """Return a projection as the model saw it, and once more under each of its maps.

    Args:
        projection: one slice as thick as what the rays passed, values in [0, 1].
        lesion: mask anywhere in the same space; None without one.
        maps: (source, method) -> map; those of the projection are shown.
        cell_size_mm: source -> size of one cell of its maps.
    """
    grid, view = Grid.of(projection), projection_view(projection, lesion)
    width_mm, height_mm = (size * mm for size, mm in zip(grid.size[:2], grid.spacing_mm[:2], strict=True))
    panels = [slice_panel(view, "MIP", f"{width_mm:.0f} × {height_mm:.0f} mm", level=(0.0, 1.0), shown_px=_SHOWN_PX)]
    for (source, method), overlay in maps.items():
        if source == PROJECTION:
            caption = map_caption(method, cell_size_mm[source])
            panels.append(slice_panel(view, "MIP", caption, overlay=overlay, level=(0.0, 1.0), shown_px=_SHOWN_PX))
    return element("div", *panels, class_="columns slices", style=f"--least:{_SHOWN_PX}px")


def projection_view(projection: sitk.Image, lesion: sitk.Image | None) -> SliceView:
    """Return a projection with the lesion's shadow on it, for `slice_panel`.

    Args:
        projection, lesion: see `projection_panels`.
    """
    grid = Grid.of(projection)
    return SliceView.of(projection, grid.empty_image() if lesion is None else _shadow(lesion, grid))


def _shadow(lesion: sitk.Image, onto: Grid) -> sitk.Image:
    """Return where rays through a projection's pixels meet the lesion, as a mask on the projection's grid."""
    depth_mm = onto.spacing_mm[2]
    layers = max(1, math.ceil(depth_mm / min(lesion.GetSpacing())))
    step_mm = depth_mm / layers
    fine = Grid(
        (*onto.size[:2], layers),
        (*onto.spacing_mm[:2], step_mm),
        tuple(onto.physical((0.0, 0.0, -0.5 + 0.5 / layers)).tolist()),
        onto.direction,
    )
    met = (sitk.GetArrayFromImage(resample_onto(lesion, fine, "nearest")) != 0).max(axis=0, keepdims=True)
    return onto.put_on(sitk.GetImageFromArray(met.astype(np.uint8)))
