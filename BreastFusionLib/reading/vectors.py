"""The vector sources: which names the measured ones have, in a fixed order, and how a case fills them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from BreastFusionLib.reading.recipe import CLINICAL, InputsSpec

if TYPE_CHECKING:
    from BreastFusionLib.features.radiomics import Radiomics
    from BreastFusionLib.reading.score import PreparedCase

__all__ = ["radiomics_values", "source_values", "vector_names"]


def vector_names(inputs: InputsSpec) -> dict[str, tuple[str, ...]]:
    """Return each measured source's feature names in the order in which a network sees them.

    Clinical columns are not among them: how they become inputs is known only once an encoder was fitted.
    """
    names: dict[str, tuple[str, ...]] = {}
    if inputs.radiomics is not None:
        from BreastFusionLib.features.radiomics import feature_names

        features = feature_names(inputs.radiomics.settings)
        names["radiomics"] = tuple(f"{sequence}_{name}" for sequence in inputs.sequences for name in features)
    if inputs.kinetics:
        from BreastFusionLib.lesion.kinetics import KINETIC_FEATURES

        names["kinetics"] = tuple(KINETIC_FEATURES)
    return names


def radiomics_values(sequence: str, radiomics: Radiomics, texture_defined: bool) -> dict[str, float]:
    """Return a sequence's defined features under their full names; the others count as missing (NaN).

    Args:
        sequence: prefix of the names.
        radiomics: what was measured on it.
        texture_defined: False for a lesion of too few voxels or slices, whose texture says nothing.
    """
    from BreastFusionLib.features.radiomics import TEXTURE_CLASSES

    undefined = set(radiomics.undefined)
    values = {}
    for name, value in radiomics.features.items():
        is_texture = any(part in TEXTURE_CLASSES for part in name.split("_"))
        missing = name in undefined or (is_texture and not texture_defined)
        values[f"{sequence}_{name}"] = math.nan if missing else float(value)
    return values


def source_values(case: PreparedCase, source: str) -> Mapping[str, Any]:
    """Return a case's raw values of a vector source: numbers by feature, of the clinical source values by column."""
    return case.columns if source == CLINICAL else case.vectors[source]
