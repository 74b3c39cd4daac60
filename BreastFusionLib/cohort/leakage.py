"""What must not happen between training, validation and test: the same patient, or the same image, on both sides.

A patient in two splits is refused when a cohort is read. Images are compared here, because registers hold the same
examination under two patient numbers, re-exported with other intensities or mirrored: a model that has seen one of
them knows the answer to the other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from BreastFusionLib.errors import InputError

__all__ = ["LEAST_PROJECTION_PX", "SAME_IMAGE", "image_signatures", "refuse_near_duplicates", "similarity_across"]

# Among phantoms, images of different lesions correlate up to .80 at 12 pixels and .36 at 32, projections of different
# breasts up to .87 at 40 pixels and .81 at 96, a copy with other contrast above .97, and one with a noise of 2 % above
# .92. Projections of 32 pixels show little but the outline of breast and chest: up to .91.
SAME_IMAGE = 0.9
LEAST_PROJECTION_PX = 40

# Projections of breasts differ in their vessels, which are lost at 32 pixels; small images are compared as they are.
_SIDE = 64
_HIGH_PASS_PX = 2.0
_LEAST_CONTRAST = 0.2
_BLOCK = 1024

Signatures = Mapping[str, NDArray[np.float32]]
"""Image source -> (n, D): unit vectors whose product is the correlation of two images; zeros where there is none."""


def image_signatures(pixels: ArrayLike) -> NDArray[np.float32]:
    """Reduce images to what stays the same when intensities are changed: fine structure, locally scaled.

    Without the local scale the outline of a breast, which is much the same in all, would outweigh what is in it.

    Args:
        pixels: (n, C, S, S); the middle channel counts.

    Returns:
        (n, s x s) vectors of mean 0 and length 1, where s is S or 64, whichever is less; zeros for an image without
        structure.
    """
    images = np.asarray(pixels, dtype=np.float32)
    images = images[:, images.shape[1] // 2]
    factor = min(1.0, _SIDE / images.shape[-1])
    if factor < 1:  # what is lost in the small image must not alias into it
        images = ndimage.gaussian_filter(images, (0, 0.5 / factor, 0.5 / factor))
    small = ndimage.zoom(images, (1, factor, factor), order=1) if factor != 1 else images
    blur_px = (0, _HIGH_PASS_PX, _HIGH_PASS_PX)
    fine = small - ndimage.gaussian_filter(small, blur_px)
    contrast = np.sqrt(ndimage.gaussian_filter(fine**2, blur_px))
    floor = _LEAST_CONTRAST * fine.std(axis=(1, 2), keepdims=True)
    # Rounding alone is no structure.
    detail, whole = (np.abs(one).max(axis=(1, 2), keepdims=True) for one in (fine, small))
    scaled = np.divide(fine, contrast + floor, out=np.zeros_like(fine), where=detail > 1e-6 * whole)
    flat = scaled.reshape(len(scaled), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.divide(flat, length, out=np.zeros_like(flat), where=length > 0)


def similarity_across(signatures: Signatures, groups: Sequence[str]) -> list[tuple[float, int, int]]:
    """Find pairs of cases in different groups that show the same image, or its mirror image.

    Args:
        signatures: of n cases by image source.
        groups: the split of each.

    Returns:
        (mean correlation over the sources that both cases have, row, row) above `SAME_IMAGE`, the most alike first.
    """
    names = np.asarray(groups)
    pairs = []
    for start in range(0, len(names), _BLOCK):
        rows = slice(start, start + _BLOCK)
        alike = np.maximum(_correlation(signatures, rows, False), _correlation(signatures, rows, True))
        later = np.arange(len(names))[None, :] > np.arange(len(names))[rows, None]
        found = np.argwhere((alike > SAME_IMAGE) & later & (names[rows, None] != names[None, :]))
        pairs += [(float(alike[row, other]), int(row) + start, int(other)) for row, other in found]
    return sorted(pairs, reverse=True)


def refuse_near_duplicates(table: pd.DataFrame, signatures: Signatures) -> None:
    """Refuse a cohort in which the same image is on both sides of a split.

    Args:
        table: case_id, patient_id and split of n cases.
        signatures: of the same rows.

    Raises:
        InputError: with the pair that is most alike.
    """
    pairs = similarity_across(signatures, table["split"].astype(str).tolist())
    if not pairs:
        return
    alike, row, other = pairs[0]
    one, two = table.iloc[row], table.iloc[other]
    more = f", and {len(pairs) - 1} more pairs" if len(pairs) > 1 else ""
    raise InputError(
        f"The cases '{one['case_id']}' ({one['split']}) and '{two['case_id']}' ({two['split']}) show the same image "
        f"(correlation {alike:.3f}{more}), so that one split would know the other's answer. Give both the same "
        "patient_id, or remove one of them; set training.leakage to 'ignore' when they are different patients."
    )


def _correlation(signatures: Signatures, rows: slice, mirrored: bool) -> NDArray[np.float32]:
    """Return (rows, n) correlations, mean over the sources that both cases have; -1 where they share none."""
    total: NDArray[np.float32] | float = 0.0
    count: NDArray[np.float32] | float = 0.0
    for vectors in signatures.values():
        own, there = vectors[rows], np.any(vectors, axis=1)
        if mirrored:
            side = math.isqrt(own.shape[1])
            own = own.reshape(-1, side, side)[:, :, ::-1].reshape(len(own), -1)
        total = total + own @ vectors.T
        count = count + (there[rows, None] & there[None, :]).astype(np.float32)
    shared = np.asarray(count, dtype=np.float32)
    return np.where(shared > 0, total / np.maximum(shared, 1), np.float32(-1))
