"""Which pictures of an exam are shown: the lesion close up and whole slices on every sequence, maps laid over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import SimpleITK as sitk

from BreastFusionLib.exam.model import Exam
from BreastFusionLib.images import subtraction
from BreastFusionLib.reading.recipe import SEQUENCE_WORDS
from BreastFusionLib.report.page import Html, element, figure, join, picture
from BreastFusionLib.report.slices import SliceView, grey_level, slice_panel
from BreastFusionLib.report.surface import SurfacePicture

__all__ = ["LesionPictures", "center_lps", "exam_panels", "map_caption", "map_panels", "surface_figure"]

METHOD_WORDS = {"gradcam": "Grad-CAM", "gradcam++": "Grad-CAM++"}
_LEAST_SIDE_MM = 40.0
_SECOND_POST = 2


@dataclass(frozen=True)
class LesionPictures:
    """An exam and its lesion, ready to be shown.

    Attributes:
        exam: its DCE series and, where they exist, T1 and T2.
        masks: sequence -> the lesion on that sequence's grid; sequences without one are not shown.
        maps: (sequence, method) -> activation map (0..1) in patient space.
        cell_size_mm: sequence -> in-plane size of one cell of its maps.
        projection: of the whole breast, where the model saw one.
    """

    exam: Exam
    masks: Mapping[str, sitk.Image]
    maps: Mapping[tuple[str, str], sitk.Image]
    cell_size_mm: Mapping[str, tuple[float, float]]
    projection: sitk.Image | None = None

    @property
    def post_number(self) -> int:
        """The DCE phase that is shown: the second after contrast, or the last there is."""
        return min(_SECOND_POST, len(self.exam.dce.phases) - 1)

    def image(self, sequence: str) -> sitk.Image:
        """Return a sequence's volume; of DCE the phase that is shown."""
        if sequence == "dce":
            return self.exam.dce.phase(self.post_number).image
        series = self.exam.t1 if sequence == "t1" else self.exam.t2
        assert series is not None
        return series.image

    def views(self) -> dict[str, SliceView]:
        """Return the slice with the lesion's largest section, of every sequence that has a mask."""
        present = {series.role for series in self.exam.series}
        return {
            sequence: SliceView.of(self.image(sequence), self.masks[sequence])
            for sequence in SEQUENCE_WORDS
            if sequence in self.masks and sequence in present
        }


def exam_panels(pictures: LesionPictures) -> Html:
    """Return the lesion on every phase and sequence, close up at one scale, and on whole slices."""
    views = pictures.views()
    side_mm = _common_side_mm(views)
    close, whole = [], []
    for sequence, view in views.items():
        if sequence == "dce":
            close += _dce_panels(pictures, view, side_mm)
        else:
            close.append(slice_panel(view, SEQUENCE_WORDS[sequence], _contrast(pictures.exam, sequence), side_mm))
        name = f"{SEQUENCE_WORDS[sequence]}, whole slice"
        whole.append(slice_panel(view, name, view.describe_grid()))
    return join([_grid(close, 165), _grid(whole, 300)])


def map_panels(pictures: LesionPictures, method: str = "gradcam++") -> Html:
    """Return activation maps over the lesion close up, one panel a sequence, with the size of a cell."""
    views = {
        sequence: SliceView.of(pictures.image(sequence), pictures.masks[sequence], center_lps(overlay))
        for (sequence, shown), overlay in pictures.maps.items()
        if shown == method and sequence in pictures.masks
    }
    if not views:
        return Html("")
    side_mm = max(_common_side_mm(views), *(4.2 * max(pictures.cell_size_mm[sequence]) for sequence in views))
    panels = []
    for sequence, view in views.items():
        overlay = pictures.maps[sequence, method]
        words = map_caption(method, pictures.cell_size_mm[sequence])
        panels.append(slice_panel(view, SEQUENCE_WORDS[sequence], words, side_mm, overlay))
    return _grid(panels, 300)


def map_caption(method: str, cell_size_mm: tuple[float, float]) -> str:
    """Return the method of a map and the size of its cells in words."""
    across, down = cell_size_mm
    return f"{METHOD_WORDS.get(method, method)}, one cell is {across:.0f} × {down:.0f} mm"


def surface_figure(surface: SurfacePicture, caption: str) -> Html:
    """Return a rendered surface with a bar of 10 or, where much is seen, 50 mm."""
    width_mm = surface.width_px * surface.mm_per_px
    length_mm = 50 if width_mm > 150 else 10
    ruler = element("span", f"{length_mm} mm", class_="ruler", style=f"width:{100 * length_mm / width_mm:.2f}%")
    return figure(element("div", picture(surface.png, caption), ruler, class_="surface"), caption)


def _dce_panels(pictures: LesionPictures, view: SliceView, side_mm: float) -> list[Html]:
    """Return before contrast, after it and their difference; the first two share their grey values."""
    dce, number = pictures.exam.dce, pictures.post_number
    level = grey_level(view.pixels)
    pre = SliceView.of(dce.phase(0).image, pictures.masks["dce"])
    if number == 0:
        return [slice_panel(pre, "DCE", "before contrast", side_mm)]
    time_s = dce.phase(number).time_s
    when = "" if time_s is None else f" at {time_s:.0f} s"
    difference = SliceView.of(subtraction(dce.phase(number).image, dce.phase(0).image), pictures.masks["dce"])
    return [
        slice_panel(pre, "DCE", "before contrast", side_mm, level=level),
        slice_panel(view, "DCE", f"post {number}{when}", side_mm, level=level),
        slice_panel(difference, "Subtraction", f"post {number} − pre", side_mm),
    ]


def _contrast(exam: Exam, sequence: str) -> str:
    series = exam.t1 if sequence == "t1" else exam.t2
    assert series is not None
    return {"pre": "before contrast", "post": "after contrast", "unknown": ""}[series.contrast]


def center_lps(image: sitk.Image) -> tuple[float, ...]:
    """Return the middle of an image in patient space, in mm."""
    return image.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in image.GetSize()])


def _common_side_mm(views: Mapping[str, SliceView]) -> float:
    return max(_LEAST_SIDE_MM, *(2.1 * view.extent_mm for view in views.values()))


def _grid(panels: list[Html], at_least_px: int) -> Html:
    return element("div", *panels, class_="columns slices", style=f"--least:{at_least_px}px")
