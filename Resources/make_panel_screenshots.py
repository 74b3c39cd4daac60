"""Draw the README's pictures of the panel: `python Resources/make_panel_screenshots.py BUNDLE`.

The real panel in the host of its tests, driven by its buttons from the demo exam to the reading, beside the real slice
views and the time-intensity plot. BUNDLE is a trained demo model, as `make demo` leaves it in `demo/runs/demo/bundle`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
SCREENSHOTS = ROOT / "Resources" / "Screenshots"
sys.path.insert(0, str(ROOT / "Testing" / "Module"))

PANEL_PX, VIEW_PX, GAP_PX = 400, 440, 2
LEAST_PLOT_PX = 260
# What a person would zoom to: the lesion with some of the breast round it.
FIELD_OF_VIEW_MM = 110.0
VIEWS = {"dce": "BreastFusionDCE", "t1": "BreastFusionT1", "t2": "BreastFusionT2"}


class Session:
    """The module opened in the host, with what a person does in it."""

    def __init__(self) -> None:
        from host import start

        self.host = start()
        self.host.reset()
        from host.opening import open_module

        self.widget = open_module("BreastFusion")
        self.widget.enter()
        self.panel = self.widget.panel
        self.parameters = self.panel.context.parameters

    def wait(self, condition: Callable[[], Any], what: str, timeout_s: float = 120.0) -> None:
        """Let events run until something has come about."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                messages = self.panel.messages
                raise SystemExit(f"Waited in vain for {what}. {messages.text}\n{messages.details}")
            self.host.app.processEvents()
            time.sleep(0.005)

    def settle(self, seconds: float = 0.8) -> None:
        """Let timers that wait for a pause come to their end."""
        until = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() > until, "time to pass")

    def load_demo_exam(self) -> Any:
        """Press 'Load demo exam'; return its phantom, whose lesion tells where to click."""
        from BreastFusionPanel.sample_data import DEMO_EXAM

        from BreastFusionLib.phantom import make_exam

        self.panel.exam.ui.loadDemoButton.click()
        self.wait(lambda: self.parameters.t2Volume is not None, "the demo exam")
        self.settle(1.5)
        return make_exam(**DEMO_EXAM)

    def outline(self, lesion: Any) -> None:
        """Press '+ From click' and click on the lesion."""
        import slicer
        from BreastFusionPanel.bridge.geometry import to_ras

        from BreastFusionLib.lesion import measure

        self.panel.lesion.ui.fromClickButton.click()
        node_id = slicer.app.applicationLogic().GetSelectionNode().GetActivePlaceNodeID()
        slicer.mrmlScene.GetNodeByID(node_id).AddControlPointWorld(to_ras(measure(lesion.mask).center_lps))
        self.wait(lambda: self.parameters.selectedLesion, "the outline")
        self.settle()

    def classify(self, bundle: Path) -> None:
        """Import the model, wait until it is loaded, press 'Classify' and wait for the whole result."""
        ui = self.panel.classify.ui
        self.host.dialogs.answer(str(bundle))
        ui.importBundleButton.click()
        self.wait(lambda: "ready" in ui.bundleStatusLabel.text.lower(), "the model")
        ui.classifyButton.click()
        self.wait(lambda: ui.outlineLabel.text, "the reading")
        self.settle()
        self.panel.messages.show("", "")

    def zoom(self) -> None:
        """Show the lesion's surroundings in all views."""
        import slicer

        for name in VIEWS.values():
            logic = slicer.app.layoutManager().sliceWidget(name).sliceLogic()
            node = logic.GetSliceNode()
            node.SetFieldOfView(FIELD_OF_VIEW_MM, FIELD_OF_VIEW_MM, node.GetFieldOfView()[2])

    def open_sections(self, *wanted: str) -> None:
        """Open these sections of the panel and close the others."""
        import ctk

        for name in ("exam", "lesion", "map", "classify", "setup"):
            button = getattr(self.panel, name).widget.findChild(ctk.ctkCollapsibleButton)
            button.setProperty("collapsed", name not in wanted)

    def views(self, height_px: int, dark: bool) -> np.ndarray:
        """Return DCE, T1 and T2 in a row, the plot below, together as high as the panel."""
        from host.views import SliceRenderer, plot_pixels

        pictures = []
        for sequence, name in VIEWS.items():
            with SliceRenderer(name, VIEW_PX, VIEW_PX) as view:
                self.zoom()
                pictures.append(labelled(view.pixels(), sequence.upper()))
        row = beside(pictures)
        plot_height_px = max(LEAST_PLOT_PX, height_px - VIEW_PX - GAP_PX)
        return above([row, plot_pixels(self.stored_reading().chart, row.shape[1], plot_height_px, dark=dark)])

    def stored_reading(self) -> Any:
        """Return the reading of the selected lesion as the scene holds it."""
        from BreastFusionPanel.bridge.reading_nodes import reading_of

        return reading_of(self.parameters, self.parameters.selectedLesion)

    def panel_pixels(self, dark: bool = False) -> np.ndarray:
        """Return the panel at Slicer's usual width."""
        from host.views import widget_pixels

        return widget_pixels(self.widget.parent, PANEL_PX, dark=dark)


def labelled(pixels: np.ndarray, text: str) -> np.ndarray:
    """Write a view's name into its corner, as the application does."""
    from PySide6 import QtGui

    rows = np.ascontiguousarray(pixels)
    image = QtGui.QImage(rows.data, rows.shape[1], rows.shape[0], 3 * rows.shape[1], QtGui.QImage.Format.Format_RGB888)
    painter = QtGui.QPainter(image)
    painter.setPen(QtGui.QColor("#f0e68c"))
    font = painter.font()
    font.setPixelSize(15)
    painter.setFont(font)
    painter.drawText(10, rows.shape[0] - 12, text)
    painter.end()
    return rows


def beside(pictures: list[np.ndarray], background: int = 60) -> np.ndarray:
    """Put pictures in a row, aligned at the top."""
    height = max(picture.shape[0] for picture in pictures)
    padded = []
    for picture in pictures:
        below = np.full((height - picture.shape[0], picture.shape[1], 3), background, np.uint8)
        gap = np.full((height, GAP_PX, 3), 60, np.uint8)
        padded += [np.concatenate([picture, below]), gap]
    return np.concatenate(padded[:-1], axis=1)


def above(pictures: list[np.ndarray]) -> np.ndarray:
    """Put pictures of one width under each other."""
    gap = np.full((GAP_PX, pictures[0].shape[1], 3), 60, np.uint8)
    return np.concatenate([part for picture in pictures for part in (picture, gap)][:-1])


def main() -> None:
    """Drive the panel and write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--out", type=Path, default=SCREENSHOTS)
    options = parser.parse_args()
    session = Session()
    from host.views import write_png

    phantom = session.load_demo_exam()
    session.outline(phantom.lesion)
    session.classify(options.bundle)
    options.out.mkdir(parents=True, exist_ok=True)
    for name, sections, dark in (
        ("panel_outline", ("exam", "lesion"), False),
        ("panel_reading", ("map", "classify"), False),
        ("panel_reading_dark", ("map", "classify"), True),
    ):
        session.open_sections(*sections)
        session.settle(0.3)
        panel = session.panel_pixels(dark)
        write_png(beside([panel, session.views(panel.shape[0], dark)]), options.out / f"{name}.png")
        print(options.out / f"{name}.png")
    session.widget.exit()
    session.panel.cleanup()


if __name__ == "__main__":
    main()
