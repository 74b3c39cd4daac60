"""Slices of an exam with the lesion outlined and activation maps laid over: as SVG in millimetres.

Pixels and cells stay pixels and cells: an outline is drawn as a line over the picture, a map as the cells it has.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from BreastFusionLib.exam.geometry import Grid, resample_onto
from BreastFusionLib.report.page import Html, element, figure, join, png_uri
from BreastFusionLib.report.style import OUTLINE

__all__ = ["SliceView", "slice_panel"]

# Acquisition plane (the patient axis that slices follow) -> anatomical orientation in which it is shown as usual:
# axial and coronal with the patient's right on the left, sagittal with anterior on the left, feet down.
_ORIENTATIONS = {0: "PIL", 1: "LIP", 2: "LPS"}
# A map takes one colour and varies its opacity only, so that the picture below stays readable.
_MAP_COLOR, _MAP_OPACITY = "#e65c00", 0.62
_LETTERS_PX = 10
_EDGE_LETTERS = {0: ("A", "P"), 1: ("R", "L"), 2: ("R", "L")}


@dataclass(frozen=True)
class SliceView:
    """One slice of one sequence, ready to be shown.

    Attributes:
        pixels: (rows, columns) intensities of the slice, oriented for display.
        mask: the lesion on it (bool, same shape).
        spacing_mm: of (columns, rows).
        letters: what lies at the left and right edge.
        grid: of the slice in patient space (size 1 along its normal), in display orientation.
    """

    pixels: NDArray[np.float32]
    mask: NDArray[np.bool_]
    spacing_mm: tuple[float, float]
    letters: tuple[str, str]
    grid: Grid

    @classmethod
    def of(cls, image: sitk.Image, mask: sitk.Image, through_lps: Sequence[float] | None = None) -> SliceView:
        """Take the slice with the lesion's largest section, in the plane in which the sequence was acquired.

        Args:
            image: a volume.
            mask: the lesion on the volume's grid; the middle slice is taken when it is empty.
            through_lps: a point in mm; when given, the slice nearest to it is taken instead.
        """
        normal_axis = int(np.argmax(np.abs(np.reshape(image.GetDirection(), (3, 3))[:, 2])))
        orientation = _ORIENTATIONS[normal_axis]
        shown, lesion = sitk.DICOMOrient(image, orientation), sitk.DICOMOrient(mask, orientation)
        sections = (sitk.GetArrayViewFromImage(lesion) != 0).sum(axis=(1, 2))
        k = int(sections.argmax()) if sections.any() else len(sections) // 2
        if through_lps is not None:
            k = int(np.clip(round(float(Grid.of(shown).index(through_lps)[2])), 0, len(sections) - 1))
        one_slice = shown[:, :, k : k + 1]
        return cls(
            sitk.GetArrayFromImage(one_slice)[0].astype(np.float32),
            sitk.GetArrayFromImage(lesion[:, :, k : k + 1])[0] != 0,
            one_slice.GetSpacing()[:2],
            _EDGE_LETTERS[normal_axis],
            Grid.of(one_slice),
        )

    @property
    def center_px(self) -> tuple[float, float]:
        """Centre (column, row) of the lesion, or of the slice when it holds none."""
        rows, columns = np.nonzero(self.mask)
        if rows.size == 0:
            return (self.pixels.shape[1] - 1) / 2, (self.pixels.shape[0] - 1) / 2
        return float(columns.min() + columns.max()) / 2, float(rows.min() + rows.max()) / 2

    @property
    def extent_mm(self) -> float:
        """Longer side of the lesion's bounding rectangle on the slice."""
        rows, columns = np.nonzero(self.mask)
        if rows.size == 0:
            return 0.0
        return max(float(np.ptp(columns) + 1) * self.spacing_mm[0], float(np.ptp(rows) + 1) * self.spacing_mm[1])

    def describe_grid(self) -> str:
        """Return the size of its pixels in words."""
        return f"{self.spacing_mm[0]:.2f} × {self.spacing_mm[1]:.2f} mm pixels"


def slice_panel(
    view: SliceView,
    title: str,
    caption: str = "",
    side_mm: float | None = None,
    overlay: sitk.Image | None = None,
    outline: bool = True,
    level: tuple[float, float] | None = None,
    shown_px: int | None = None,
) -> Html:
    """Return a slice as a figure for a page.

    Args:
        view: the slice.
        title: bold words below it.
        caption: what else is to be said.
        side_mm: side of the square shown round the lesion; None: the whole slice.
        overlay: a map (0..1) in patient space, laid over cell by cell.
        outline: whether the lesion is outlined.
        level: grey values of black and white; None: from the slice itself.
        shown_px: how wide it is shown, so that its letters can be read; None: as is usual for each kind of panel.
    """
    x, y, width, height = _window_mm(view, side_mm)
    zoomed = side_mm is not None
    grey, place = _cropped(view, _grey(view.pixels, level), (x, y, width, height))
    layers = [_image(grey, place)]
    if overlay is not None:
        cells, place = _cropped(view, _cells(view, overlay), (x, y, width, height))
        layers.append(_image(cells, place, "pixelated"))
    if outline:
        layers.append(_outline(view, 0.006 * width if zoomed else 0.0045 * width))
    usual_px = 280 if not zoomed else 240 if overlay is not None else 160
    text_mm = width * _LETTERS_PX / (shown_px or usual_px)
    marks = [_scale_bar(x, y, width, height, text_mm)]
    if not zoomed:
        marks += [_text(letter, x + share * width, y + height / 2, text_mm, "middle")
                  for letter, share in zip(view.letters, (0.035, 0.965), strict=True)]  # fmt: skip
    drawing = element(
        "svg", *layers, *marks, viewBox=f"{x:.2f} {y:.2f} {width:.2f} {height:.2f}", role="img", aria_label=title
    )
    words = join([element("b", title), f" {caption}" if caption else None])
    return figure(drawing, words, class_="slice")


def _window_mm(view: SliceView, side_mm: float | None) -> tuple[float, float, float, float]:
    """Return (x, y, width, height) of what is shown, in mm from the slice's upper left corner."""
    columns, rows = view.pixels.shape[1], view.pixels.shape[0]
    if side_mm is None:
        return 0.0, 0.0, columns * view.spacing_mm[0], rows * view.spacing_mm[1]
    column, row = view.center_px
    return (
        (column + 0.5) * view.spacing_mm[0] - side_mm / 2,
        (row + 0.5) * view.spacing_mm[1] - side_mm / 2,
        side_mm,
        side_mm,
    )


def _grey(pixels: NDArray[np.float32], level: tuple[float, float] | None) -> NDArray[np.uint8]:
    low, high = level if level is not None else grey_level(pixels)
    return (np.clip((pixels - low) / max(high - low, 1e-12), 0, 1) * 255).astype(np.uint8)


def grey_level(pixels: NDArray[np.float32]) -> tuple[float, float]:
    """Return grey values for black and white: 0 or the darkest per cent, and the 99.7th percentile."""
    finite = pixels[np.isfinite(pixels)]
    if finite.size == 0:
        return 0.0, 1.0
    return max(0.0, float(np.percentile(finite, 1))), float(np.percentile(finite, 99.7))


def _cells(view: SliceView, overlay: sitk.Image) -> NDArray[np.uint8]:
    """Return the map on the slice's pixels as RGBA: one colour, the more opaque the stronger; nothing outside."""
    values = sitk.GetArrayFromImage(resample_onto(overlay, view.grid, "nearest"))[0]
    color = np.empty((*values.shape, 4), dtype=np.uint8)
    color[..., :3] = [int(_MAP_COLOR[n : n + 2], 16) for n in (1, 3, 5)]
    color[..., 3] = (255 * _MAP_OPACITY * np.clip(values, 0, 1)).round()
    return color


def _cropped(
    view: SliceView, pixels: NDArray[np.uint8], window: tuple[float, float, float, float]
) -> tuple[bytes, tuple[float, float, float, float]]:
    """Return the PNG of the pixels inside a window, and where it lies in mm."""
    from PIL import Image

    (sx, sy), (x, y, width, height) = view.spacing_mm, window
    c0, c1 = max(0, int(np.floor(x / sx))), min(pixels.shape[1], int(np.ceil((x + width) / sx)))
    r0, r1 = max(0, int(np.floor(y / sy))), min(pixels.shape[0], int(np.ceil((y + height) / sy)))
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels[r0:r1, c0:c1])).save(stream, format="png", optimize=True)
    return stream.getvalue(), (c0 * sx, r0 * sy, (c1 - c0) * sx, (r1 - r0) * sy)


def _image(png: bytes, place: tuple[float, float, float, float], rendering: str | None = None) -> Html:
    x, y, width, height = (f"{value:.3f}" for value in place)
    style = f"image-rendering:{rendering}" if rendering else None
    return element(
        "image", href=png_uri(png), x=x, y=y, width=width, height=height, preserveAspectRatio="none", style=style
    )


def _outline(view: SliceView, width_mm: float) -> Html:
    """Return the lesion's border as a path, half-way between voxels inside and outside."""
    from contourpy import contour_generator

    padded = np.pad(view.mask.astype(float), 1)
    lines = contour_generator(z=padded).lines(0.5)
    scale = np.asarray(view.spacing_mm)
    paths = [
        "M" + "L".join(f"{px:.2f},{py:.2f}" for px, py in (np.asarray(line) - 0.5) * scale) + "Z" for line in lines
    ]
    return element(
        "path", d="".join(paths), fill="none", stroke=OUTLINE, stroke_width=f"{width_mm:.2f}", stroke_linejoin="round"
    )


def _scale_bar(x: float, y: float, width: float, height: float, text_mm: float) -> Html:
    length = next((value for value in (50, 20, 10, 5, 2) if value < 0.4 * width), 1)
    left, bottom = x + 0.05 * width, y + height - 0.05 * width
    bar = element("path", d=f"M{left:.2f},{bottom:.2f}h{length}", stroke="#fff", stroke_width=f"{0.16 * text_mm:.2f}")
    return element("g", bar, _text(f"{length} mm", left, bottom - 0.45 * text_mm, text_mm, "start"))


def _text(text: str, x: float, y: float, size_mm: float, anchor: str) -> Html:
    return element(
        "text",
        text,
        x=f"{x:.2f}",
        y=f"{y:.2f}",
        font_size=f"{size_mm:.2f}",
        fill="#fff",
        text_anchor=anchor,
        # A dark rim keeps white letters readable on bright tissue.
        stroke="#000",
        stroke_opacity=0.55,
        stroke_width=f"{0.16 * size_mm:.2f}",
        paint_order="stroke",
    )
