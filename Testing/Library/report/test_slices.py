"""Slices: the right one, the right way round, outlines and map cells where they belong in millimetres."""

from __future__ import annotations

import base64
import io
import re
import xml.etree.ElementTree as ElementTree
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from BreastFusionLib.images import subtraction
from BreastFusionLib.report.page import Html
from BreastFusionLib.report.pictures import LesionPictures, exam_panels, map_panels
from BreastFusionLib.report.slices import SliceView, slice_panel


def pictures_in(panel: Html) -> list[tuple[np.ndarray, list[float]]]:
    """Return the images of a panel as arrays with their places (x, y, width, height) in mm."""
    found = []
    for image in ElementTree.fromstring(panel).iter("image"):
        data = base64.b64decode(image.attrib["href"].removeprefix("data:image/png;base64,"))
        place = [float(image.attrib[key]) for key in ("x", "y", "width", "height")]
        found.append((np.asarray(Image.open(io.BytesIO(data))), place))
    return found


def test_the_slice_with_the_largest_section_is_shown(made_up: SimpleNamespace) -> None:
    image, mask = made_up.volume((1.0, 1.0, 2.0), 80, 200)
    view = SliceView.of(image, mask)
    assert view.grid.origin_lps[2] == pytest.approx(1.0)  # the ball's centre lies at z = 2, between 1 and 3
    assert view.extent_mm == pytest.approx(16, abs=1)
    assert SliceView.of(image, mask, through_lps=(0, 0, -7.2)).grid.origin_lps[2] == pytest.approx(-7.0)


@pytest.mark.parametrize("stored", ["LPS", "RAS", "LAI", "PIR", "ASL"])
def test_display_does_not_depend_on_how_a_volume_is_stored(made_up: SimpleNamespace, stored: str) -> None:
    image, mask = made_up.volume((1.0, 1.0, 2.0), 80, 200)
    slices_follow = "LPS".find(stored[2]) if stored[2] in "LPS" else "RAI".find(stored[2])
    view = SliceView.of(sitk.DICOMOrient(image, stored), sitk.DICOMOrient(mask, stored))
    # Columns run to the left (or, sagittal, to posterior), rows to posterior (or to the feet).
    across, down = {2: ((1, 0, 0), (0, 1, 0)), 0: ((0, 1, 0), (0, 0, -1)), 1: ((1, 0, 0), (0, 0, -1))}[slices_follow]
    direction = np.reshape(view.grid.direction, (3, 3))
    assert direction[:, 0] == pytest.approx(across)
    assert direction[:, 1] == pytest.approx(down)
    assert view.letters == (("A", "P") if slices_follow == 0 else ("R", "L"))


def test_a_close_up_is_a_square_in_mm_round_the_lesion(made_up: SimpleNamespace) -> None:
    image, mask = made_up.volume((1.5, 0.75, 3.0), 80, 200)
    panel = ElementTree.fromstring(slice_panel(SliceView.of(image, mask), "T1", side_mm=40))
    x, y, width, height = map(float, panel.find("svg").attrib["viewBox"].split())  # type: ignore[union-attr]
    assert (width, height) == (40, 40)
    # The ball lies at (5, -4) mm and the volume's corner at (-30, -30).
    assert (x + 20, y + 20) == pytest.approx((35, 26), abs=0.8)


def test_a_close_up_at_the_edge_keeps_its_scale(made_up: SimpleNamespace) -> None:
    image, mask = made_up.volume((1.0, 1.0, 2.0), 80, 200)
    ((pixels, place),) = pictures_in(slice_panel(SliceView.of(image, mask), "T1", side_mm=120))
    assert pixels.shape == (60, 60)
    assert place == [0, 0, 60, 60]


def test_the_outline_runs_round_the_lesion(made_up: SimpleNamespace) -> None:
    image, mask = made_up.volume((1.0, 1.0, 2.0), 80, 200)
    path = ElementTree.fromstring(slice_panel(SliceView.of(image, mask), "DCE")).find("svg/path")
    points = np.array([[float(v) for v in pair] for pair in re.findall(r"([\d.]+),([\d.]+)", path.attrib["d"])])  # type: ignore[union-attr]
    distance = np.linalg.norm(points - [35, 26], axis=1)
    assert distance.min() > 6.5 and distance.max() < 8.8


def test_an_empty_mask_has_no_outline_and_shows_the_middle(made_up: SimpleNamespace) -> None:
    image, mask = made_up.volume((1.0, 1.0, 2.0), 80, 200)
    view = SliceView.of(image, mask * 0)
    assert view.center_px == (29.5, 29.5)
    assert ElementTree.fromstring(slice_panel(view, "DCE")).find("svg/path").attrib["d"] == ""  # type: ignore[union-attr]


def test_map_cells_stay_cells(made_up: SimpleNamespace) -> None:
    image, mask = made_up.volume((1.0, 1.0, 2.0), 80, 200)
    _, (overlay, place) = pictures_in(slice_panel(SliceView.of(image, mask), "DCE", overlay=made_up.cell_map(mask)))
    assert place == [0, 0, 60, 60]
    opacity = overlay[..., 3]
    assert len(np.unique(opacity)) == 16  # as many values as cells: nothing was interpolated
    assert opacity[0, 0] == 0 and opacity[59, 59] == opacity.max()
    assert (opacity[:15, :15] == opacity[0, 0]).all()


def test_subtraction_of_unsigned_images_goes_below_zero() -> None:
    pre, post = (sitk.Image(2, 2, 2, sitk.sitkUInt16) + value for value in (50, 20))
    assert sitk.GetArrayFromImage(subtraction(post, pre)).max() == -30


def test_all_close_ups_have_one_scale(pictures: LesionPictures) -> None:
    boxes = re.findall(r'viewBox="([^"]+)"', exam_panels(pictures))
    assert len(boxes) == 5 + 3  # pre, post, subtraction, T1, T2; whole slices of DCE, T1, T2
    assert {tuple(box.split()[2:]) for box in boxes[:5]} == {("40.00", "40.00")}


def test_one_phase_and_no_t2_are_shown_as_they_are(made_up: SimpleNamespace) -> None:
    exam, masks = made_up.exam(phases=1, t2=False)
    titles = re.findall(r"<b>(.*?)</b> ?(.*?)</figcaption>", exam_panels(LesionPictures(exam, masks, {}, {})))
    assert [words[0] for words in titles] == ["DCE", "T1", "DCE, whole slice", "T1, whole slice"]
    assert titles[0][1] == "before contrast"


def test_maps_say_how_large_a_cell_is(pictures: LesionPictures) -> None:
    shown = map_panels(pictures)
    assert shown.count("Grad-CAM++, one cell is 15 × 15 mm") == 3
    assert map_panels(pictures, "gradcam") == ""
