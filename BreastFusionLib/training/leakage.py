"""Nothing tells a run the answers: no column that is the label, no image on both sides of a split.

What images look like is computed once, beside the packed ones.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from BreastFusionLib.cohort.disk import saying_disk_full
from BreastFusionLib.cohort.label_check import label_in_inputs
from BreastFusionLib.cohort.leakage import LEAST_PROJECTION_PX, image_signatures, refuse_near_duplicates
from BreastFusionLib.errors import InputError
from BreastFusionLib.files import replacing
from BreastFusionLib.reading.recipe import PROJECTION
from BreastFusionLib.training.recipe import Recipe

if TYPE_CHECKING:
    from BreastFusionLib.training.packed import PackedImages

__all__ = ["packed_signatures", "refuse_label_in_inputs", "refuse_same_images"]

# Raise the number whenever `image_signatures` gives other numbers.
_ENDING = ".signatures-3.npy"
_CHUNK = 64

logger = logging.getLogger(__name__)


def refuse_label_in_inputs(table: pd.DataFrame, recipe: Recipe) -> None:
    """Refuse a recipe with clinical columns that are the label in other words, unless it ignores leaks.

    Args:
        table: labelled cases.
        recipe: names the columns.

    Raises:
        InputError: with all such columns, see `label_in_inputs`.
    """
    if recipe.training.leakage == "refuse" and (leaks := label_in_inputs(table, recipe.inputs)):
        raise InputError(" ".join(leaks))


def refuse_same_images(table: pd.DataFrame, recipe: Recipe, among: Sequence[Path]) -> None:
    """Refuse cases of which two in different splits show the same image, unless the recipe ignores leaks.

    Projections in which two breasts cannot be told apart are not compared, which is logged.

    Args:
        table: case_id, patient_id, split and path (in the cache) of each case.
        recipe: names the image sources.
        among: see `PackedImages`.

    Raises:
        InputError: with the pair that is most alike.
    """
    from BreastFusionLib.training.packed import PackedImages

    if recipe.training.leakage != "refuse":
        return
    compared = list(recipe.inputs.image_sources)
    if PROJECTION in compared and recipe.inputs.image_shapes[PROJECTION][-1] < LEAST_PROJECTION_PX:
        compared.remove(PROJECTION)
        logger.warning(
            "Whether two splits hold the same projection was not looked at: under %d pixels those of different breasts "
            "are too much alike. Raise inputs.projection.size_px to have it checked.",
            LEAST_PROJECTION_PX,
        )
    if compared:
        images = PackedImages([Path(path) for path in table["path"]], recipe.reading, among)
        refuse_near_duplicates(table, packed_signatures(images, compared))


def packed_signatures(images: PackedImages, sources: Iterable[str]) -> dict[str, NDArray[np.float32]]:
    """Return image source -> (n, D) `image_signatures` of each row, kept beside the packed file of the source."""
    return {source: _of_file(images.files[source])[images.places.numpy()] for source in sources}


def _of_file(file: Path) -> NDArray[np.float32]:
    from BreastFusionLib.training.packed import opened

    path = file.with_name(file.stem + _ENDING)
    # Absent, or cut short by a crash of the whole machine: computed.
    with contextlib.suppress(OSError, ValueError):
        return opened(path)
    pixels = opened(file)
    parts = [image_signatures(pixels[start : start + _CHUNK]) for start in range(0, len(pixels), _CHUNK)]
    signatures: NDArray[np.float32] = np.concatenate(parts)
    with saying_disk_full(path), replacing(path) as temporary:
        np.save(temporary, signatures, allow_pickle=False)
    return signatures
