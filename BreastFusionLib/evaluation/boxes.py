"""Boxes round lesions: how much two of them overlap, and which detection found which lesion.

A box is a row of numbers, the lower corner before the upper one: (x0, y0, x1, y1), or (x0, y0, z0, x1, y1, z1), in any
unit, the same for lesions and detections. A higher score means more likely a lesion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from BreastFusionLib.errors import InputError

__all__ = ["Criterion", "ImageDetections", "box_iou", "checked_image", "match_boxes"]

Floats = NDArray[np.float64]
Criterion = Literal["iou", "center", "either"]


@dataclass(frozen=True, eq=False)
class ImageDetections:
    """One image: the lesions in it, and what a detector marked.

    Attributes:
        lesions: (T, 4) or (T, 6) boxes; empty for a normal image.
        boxes: (D, 4) or (D, 6) detections.
        scores: (D,) of the detections.
        patient: whose image it is; None where each image is a patient.
    """

    lesions: ArrayLike
    boxes: ArrayLike
    scores: ArrayLike
    patient: str | None = None


def box_iou(first: ArrayLike, second: ArrayLike) -> Floats:
    """Return intersection over union (A, B) of all pairs of boxes (A, 2d) and (B, 2d); 0 for boxes without extent."""
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    d = a.shape[1] // 2
    low = np.maximum(a[:, None, :d], b[None, :, :d])
    high = np.minimum(a[:, None, d:], b[None, :, d:])
    common = np.prod(np.clip(high - low, 0, None), axis=-1)
    union = np.prod(a[:, d:] - a[:, :d], axis=-1)[:, None] + np.prod(b[:, d:] - b[:, :d], axis=-1) - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)


def match_boxes(
    truth: Floats, boxes: Floats, criterion: Criterion, least_iou: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Match the detections of an image with its lesions.

    Args:
        truth: (T, 2d) boxes of the lesions.
        boxes: (D, 2d) detections, in falling order of score.
        criterion: see `froc`.
        least_iou: see `froc`.

    Returns:
        counted (D,): False for a detection that hits only lesions already found; hit (D,): True where it finds one.
    """
    counted, hit = np.ones(len(boxes), dtype=bool), np.zeros(len(boxes), dtype=bool)
    if not len(truth) or not len(boxes):
        return counted, hit
    overlap = box_iou(boxes, truth)
    d = boxes.shape[1] // 2
    center = (boxes[:, None, :d] + boxes[:, None, d:]) / 2
    inside = np.all((center >= truth[:, :d]) & (center <= truth[:, d:]), axis=-1)
    overlaps = overlap >= least_iou
    touches: dict[str, NDArray[np.bool_]] = {"iou": overlaps, "center": inside, "either": overlaps | inside}
    free = np.ones(len(truth), dtype=bool)
    for row, touched in enumerate(touches[criterion]):
        if (touched & free).any():
            free[np.argmax(np.where(touched & free, overlap[row], -1.0))] = False
            hit[row] = True
        else:
            counted[row] = not touched.any()
    return counted, hit


def checked_image(image: ImageDetections, number: int) -> tuple[Floats, Floats, Floats]:
    """Return lesions (T, 2d), detections (D, 2d) and their scores (D,) as arrays.

    Args:
        image: to check.
        number: its place in the list, for the message.

    Raises:
        InputError: boxes that are none, scores that do not fit them.
    """
    scores = np.asarray(image.scores, dtype=float)
    truth, boxes = (np.asarray(given, dtype=float) for given in (image.lesions, image.boxes))
    columns = next((part.shape[1] for part in (truth, boxes) if part.ndim == 2 and part.size), 4)
    truth, boxes = (part.reshape(0, columns) if part.size == 0 else part for part in (truth, boxes))
    where = f"Image {number}" + (f" of patient {image.patient}" if image.patient is not None else "")
    for name, part in (("lesions", truth), ("detections", boxes)):
        if part.ndim != 2 or columns not in (4, 6) or part.shape[1] != columns:
            raise InputError(f"{where}: boxes of {name} have shape {part.shape}; rows of 4 numbers (x0, y0, x1, y1) "
                             "or of 6 are expected, the same for lesions and detections.")  # fmt: skip
        d = columns // 2
        if not np.isfinite(part).all() or (part[:, d:] < part[:, :d]).any():
            raise InputError(f"{where}: a box of its {name} is not finite, or its upper corner lies below its lower "
                             "one. Boxes are written lower corner first, not as corner and size.")  # fmt: skip
    if scores.shape != (len(boxes),) or not np.isfinite(scores).all():
        raise InputError(f"{where}: {len(boxes)} detections, but scores of shape {scores.shape}, or not all finite.")
    return truth, boxes, scores
