"""Draw the module's icon and the picture of the demo exam in Sample Data: `python Resources/make_icons.py`.

The icon: breasts in an axial slice, and on the lesion three sequences that add up to white where they agree.
The picture: the phantom that the demo exam is, through its lesion.
"""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import SimpleITK as sitk
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QLinearGradient, QPainter, QPainterPath

from BreastFusionLib.phantom import make_exam

ICONS = Path(__file__).resolve().parents[1] / "BreastFusion" / "Resources" / "Icons"
ICON_SIZE = 128
# Drawn larger and reduced, for smooth edges.
SCALE = 8
LESION = QPointF(37.0, 60.0)
# A disc a sequence round the lesion; where all three overlap their colours add up to white.
SEQUENCES = ((-90.0, QColor(238, 70, 100)), (30.0, QColor(50, 176, 96)), (150.0, QColor(66, 110, 246)))
# Seed and number of the phantom.
DEMO_EXAM = (7, 62)
THUMBNAIL_SIZE = (280, 210)


def body() -> QPainterPath:
    """Return the outline of both breasts and the chest wall in an axial slice, as it lies on the screen."""
    path = QPainterPath(QPointF(12.0, 110.0))
    path.cubicTo(8.0, 82.0, 10.0, 28.0, 37.0, 25.0)
    path.cubicTo(58.0, 24.0, 55.0, 66.0, 64.0, 66.0)
    path.cubicTo(73.0, 66.0, 70.0, 24.0, 91.0, 25.0)
    path.cubicTo(118.0, 28.0, 120.0, 82.0, 116.0, 110.0)
    path.cubicTo(106.0, 92.0, 86.0, 85.0, 64.0, 85.0)
    path.cubicTo(42.0, 85.0, 22.0, 92.0, 12.0, 110.0)
    return path


def draw_icon() -> QImage:
    """Return the icon: a dark tile with transparent corners."""
    image = QImage(ICON_SIZE * SCALE, ICON_SIZE * SCALE, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(SCALE, SCALE)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(gradient(QColor(30, 36, 52), QColor(13, 16, 26)))
    painter.drawRoundedRect(QRectF(2.0, 2.0, 124.0, 124.0), 26.0, 26.0)
    painter.setBrush(gradient(QColor(176, 184, 198), QColor(84, 92, 108)))
    painter.drawPath(body())
    painter.setBrush(QColor(20, 24, 36))
    painter.drawEllipse(LESION, 19.0, 19.0)
    painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Plus)
    for angle_deg, color in SEQUENCES:
        angle = np.deg2rad(angle_deg)
        painter.setBrush(color)
        painter.drawEllipse(LESION + QPointF(5.4 * np.cos(angle), 5.4 * np.sin(angle)), 11.5, 11.5)
    painter.end()
    return image.scaled(ICON_SIZE, ICON_SIZE, mode=Qt.TransformationMode.SmoothTransformation)


def gradient(top: QColor, bottom: QColor) -> QLinearGradient:
    """Return a vertical gradient over the icon."""
    shades = QLinearGradient(0.0, 0.0, 0.0, ICON_SIZE)
    shades.setColorAt(0.0, top)
    shades.setColorAt(1.0, bottom)
    return shades


def draw_phantom() -> QImage:
    """Return the axial image through the lesion of the demo exam, in the first phase after contrast."""
    made = make_exam(*DEMO_EXAM, small=True)
    mask = sitk.GetArrayFromImage(made.lesion.mask)
    slice_number = int(np.argmax(mask.sum(axis=(1, 2))))
    picture = sitk.GetArrayFromImage(made.exam.dce.phases[1].image).astype(float)[slice_number]
    # Window by the breasts: the heart, behind them, is far brighter.
    high = np.percentile(picture[: picture.shape[0] // 2], 99.9)
    pixels = (np.clip(picture / high, 0.0, 1.0) * 255.0).astype(np.uint8)
    image = QImage(pixels.tobytes(), pixels.shape[1], pixels.shape[0], pixels.shape[1], QImage.Format.Format_Grayscale8)
    width, height = THUMBNAIL_SIZE
    filled = image.scaled(
        width, height, Qt.AspectRatioMode.KeepAspectRatioByExpanding, Qt.TransformationMode.SmoothTransformation
    )
    return filled.copy((filled.width() - width) // 2, 0, width, height)


def main() -> None:
    """Write both pictures."""
    for name, image in (("BreastFusion.png", draw_icon()), ("DemoExam.png", draw_phantom())):
        image.save(str(ICONS / name))
        print(ICONS / name, f"{image.width()} x {image.height()}")


if __name__ == "__main__":
    main()
