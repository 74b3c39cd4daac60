"""Random changes of images that can be replayed: drawn case by case, applied to whole batches on their device.

Flips, rotation, magnification and a smooth elastic displacement are one map from the changed image back to the given
one, so that a batch is interpolated once. With p = (x, y) in units of half the longer side about the image's centre:

    source(p) = linear @ p + elastic(p),    elastic(p) = sum over knots jk of c_jk g_j(y) g_k(x)

The usual libraries of transforms work image by image on the CPU and interpolate once for every transform, or give a
whole batch the same change; a network that sees 2,000 images a second cannot wait for that. Here each case of a batch
has its own change, all sequences of a case have the same one whatever their size in pixels, and it can be drawn again
from (seed, replay, case) without the other cases of its batch. What a change means is tested against MONAI's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from BreastFusionLib.images.settings import AugmentationSpec

__all__ = ["Augmentation", "AugmentationBatch", "apply_augmentation", "draw_augmentation", "stack"]

# Gaussian bumps a third of half a side apart and as wide: fields so smooth that displacements of 5 % of the side
# do not fold. The outermost knots lie beyond the border, so that the field is as free there as inside.
KNOTS = 10
KNOT_STEP = 1 / 3


@dataclass(frozen=True)
class Augmentation:
    """One drawn change, the same for all sequences and slices of a case.

    Attributes:
        flip_horizontal: mirror columns.
        flip_vertical: mirror rows.
        rotation_degrees: about the image's centre.
        magnification: above 1, the image's content becomes larger.
        gain: factor on the difference to the image's mean.
        blur_px: standard deviation of a Gaussian blur, in pixels of whichever image is blurred.
        elastic: (2, KNOTS, KNOTS) displacement (x, y) at knots in rows and columns, in half sides; None for none. Not
            compared, since it comes from the same draw as the rest.
    """

    flip_horizontal: bool = False
    flip_vertical: bool = False
    rotation_degrees: float = 0.0
    magnification: float = 1.0
    gain: float = 1.0
    blur_px: float = 0.0
    elastic: NDArray[np.float32] | None = field(default=None, compare=False)


class AugmentationBatch(NamedTuple):
    """The changes of N cases as tensors; a tuple, so that loaders pin and move it like any batch.

    Attributes:
        linear: (N, 2, 2) from places in the changed image to places in the given one.
        elastic: (N, 2, KNOTS, KNOTS) displacements; None when no case has one.
        still: (n,) rows in which nothing moves; they are not interpolated.
        contrasted: (n,) rows whose contrast changes.
        gain: (n,) of those rows.
        blurred: (n,) rows that are blurred.
        blur_px: (n,) of those rows.
    """

    linear: torch.Tensor
    elastic: torch.Tensor | None
    still: torch.Tensor
    contrasted: torch.Tensor
    gain: torch.Tensor
    blurred: torch.Tensor
    blur_px: torch.Tensor

    def to(self, device: str | torch.device) -> AugmentationBatch:
        """Return the same changes on another device."""
        elastic = None if self.elastic is None else self.elastic.to(device, non_blocking=True)
        rest = {name: part.to(device, non_blocking=True) for name, part in self._asdict().items() if name != "elastic"}
        return AugmentationBatch(elastic=elastic, **rest)


def draw_augmentation(spec: AugmentationSpec, seed: int, replay: int, case_id: str) -> Augmentation:
    """Draw the change of one case; it depends on nothing but the arguments (not on batches or the order of cases)."""
    digest = hashlib.sha256(f"{seed}/{replay}/{case_id}".encode()).digest()
    generator = np.random.default_rng(int.from_bytes(digest[:8], "little"))
    # All are drawn every time: switching one change on leaves the draws of the others as they were.
    horizontal, vertical, turn, size, whether, which, strength = generator.random(7).tolist()
    even = 2 * strength - 1
    contrast, blur = spec.contrast_percent > 0, spec.blur_px > 0
    changed = whether < spec.photometric
    blurred = changed and blur and (which < 0.5 or not contrast)
    elastic = None
    if spec.elastic_percent > 0:
        half_sides = 2 * spec.elastic_percent / 100
        elastic = (half_sides * generator.standard_normal((2, KNOTS, KNOTS))).astype(np.float32)
    return Augmentation(
        flip_horizontal=horizontal < spec.flip_horizontal,
        flip_vertical=vertical < spec.flip_vertical,
        rotation_degrees=(2 * turn - 1) * spec.rotation_degrees,
        magnification=1 + (2 * size - 1) * spec.scale_percent / 100,
        gain=1 + even * spec.contrast_percent / 100 if changed and contrast and not blurred else 1.0,
        blur_px=strength * spec.blur_px if blurred else 0.0,
        elastic=elastic,
    )


def stack(augmentations: Sequence[Augmentation]) -> AugmentationBatch:
    """Put the changes of the cases of a batch together, on the CPU."""
    mirror_x, mirror_y, degrees, magnification, gain, blur_px = np.array(
        [
            (one.flip_horizontal, one.flip_vertical, one.rotation_degrees, one.magnification, one.gain, one.blur_px)
            for one in augmentations
        ],
        dtype=np.float64,
    ).T
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    turn = np.array([[cosine, -sine], [sine, cosine]]).transpose(2, 0, 1)
    mirror = np.stack([1 - 2 * mirror_x, 1 - 2 * mirror_y], axis=-1)
    linear = turn * (mirror / magnification[:, None])[:, None, :]
    elastic = [one.elastic for one in augmentations]
    fields = None
    if any(field is not None for field in elastic):
        nothing = np.zeros((2, KNOTS, KNOTS), dtype=np.float32)
        fields = torch.from_numpy(np.stack([nothing if field is None else field for field in elastic]))
    still = (linear == np.eye(2)).all(axis=(1, 2)) & np.array([field is None for field in elastic])
    contrasted, blurred = np.flatnonzero(gain != 1), np.flatnonzero(blur_px > 0)
    return AugmentationBatch(
        linear=torch.from_numpy(linear.astype(np.float32)),
        elastic=fields,
        still=torch.from_numpy(np.flatnonzero(still)),
        contrasted=torch.from_numpy(contrasted),
        gain=torch.from_numpy(gain[contrasted].astype(np.float32)),
        blurred=torch.from_numpy(blurred),
        blur_px=torch.from_numpy(blur_px[blurred].astype(np.float32)),
    )


def apply_augmentation(images: torch.Tensor, batch: AugmentationBatch) -> torch.Tensor:
    """Apply each case's change to its images.

    Args:
        images: (N, C, H, W) of one source, as they are.
        batch: the changes of the same N cases, on the same device.

    Returns:
        (N, C, H, W) float32, interpolated linearly, once. Where a change looks beyond the border, the border's pixels
        are repeated; a blur counts only what lies inside. An image without content (zeros) stays without.
    """
    # Half precision knows 224 columns apart, but no place between two of them.
    with torch.autocast(images.device.type, enabled=False):
        changed = _moved(images.float(), batch)
        if len(batch.contrasted):
            changed[batch.contrasted] = _contrasted(changed[batch.contrasted], batch.gain)
        if len(batch.blurred):
            changed[batch.blurred] = _blurred(changed[batch.blurred], batch.blur_px)
    return changed


def _moved(images: torch.Tensor, batch: AugmentationBatch) -> torch.Tensor:
    if len(batch.still) == len(images):
        return images.clone()
    height, width = images.shape[-2:]
    moved = torch.nn.functional.grid_sample(
        images,
        _sources(batch, height, width).permute(0, 2, 3, 1),
        mode="bilinear",
        padding_mode="border",
        align_corners=False,
    )
    if len(batch.still):  # rounding in the places would change them in the last digits
        moved[batch.still] = images[batch.still]
    return moved


def _sources(batch: AugmentationBatch, height: int, width: int) -> torch.Tensor:
    """Return (N, 2, H, W): x and y in -1..1 (PyTorch's units) of the place that each pixel is taken from."""
    device, longer = batch.linear.device, max(height, width)
    x, y = (_centres(size, device) for size in (width, height))
    across, down = batch.linear[..., 0, None, None], batch.linear[..., 1, None, None]
    sources = across * (x * (width / longer)) + down * (y * (height / longer))[:, None]
    if batch.elastic is not None:
        # As one product of matrices: a product for each case takes twenty times as long on a CPU.
        along_rows = (_bumps(y) @ batch.elastic).reshape(-1, KNOTS)
        sources += (along_rows @ _bumps(x).T).view_as(sources)
    if height != width:
        sources /= torch.tensor([width / longer, height / longer], device=device)[:, None, None]
    return sources


def _centres(size: int, device: torch.device) -> torch.Tensor:
    """Return (size,) the pixels' centres when the side reaches from -1 to 1."""
    return (2 * torch.arange(size, device=device) + 1 - size) / size


def _bumps(places: torch.Tensor) -> torch.Tensor:
    """Return (n, KNOTS): how much each knot counts at each place.

    The squares add up to 1, so that knots with unit variance give a field of unit variance everywhere.
    """
    knots = KNOT_STEP * (torch.arange(KNOTS, device=places.device) - (KNOTS - 1) / 2)
    return torch.nn.functional.normalize(torch.exp(-(((places[:, None] - knots) / KNOT_STEP) ** 2) / 2))


def _contrasted(images: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return mean + gain[:, None, None, None] * (images - mean)


def _blurred(images: torch.Tensor, blur_px: torch.Tensor) -> torch.Tensor:
    """Blur rows and columns by one matrix each: exact at any width, and no width of a kernel to choose."""
    vertical, horizontal = (_gaussians(size, blur_px)[:, None] for size in images.shape[-2:])
    return vertical @ images @ horizontal.mT


def _gaussians(size: int, blur_px: torch.Tensor) -> torch.Tensor:
    """Return (n, size, size): what each pixel of a line gives to each; every row adds up to 1."""
    place = torch.arange(size, device=blur_px.device)
    weights = torch.exp(-(((place[:, None] - place) / blur_px[:, None, None]) ** 2) / 2)
    return weights / weights.sum(dim=-1, keepdim=True)
