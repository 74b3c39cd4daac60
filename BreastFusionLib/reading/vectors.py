"""The sources that are vectors of numbers: which names each has, in a fixed order, and how a case fills them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from BreastFusionLib.errors import InputError
from BreastFusionLib.reading.recipe import InputsSpec

if TYPE_CHECKING:
    from BreastFusionLib.features.radiomics import Radiomics

__all__ = ["clinical_vector", "radiomics_values", "vector_names"]


def vector_names(inputs: InputsSpec) -> dict[str, tuple[str, ...]]:
    """Return each vector source's feature names in the order in which a network sees them."""
    names: dict[str, tuple[str, ...]] = {}
    if inputs.radiomics is not None:
        from BreastFusionLib.features.radiomics import feature_names

        features = feature_names(inputs.radiomics.settings)
        names["radiomics"] = tuple(f"{sequence}_{name}" for sequence in inputs.sequences for name in features)
    if inputs.kinetics:
        from BreastFusionLib.lesion.kinetics import KINETIC_FEATURES

        names["kinetics"] = tuple(KINETIC_FEATURES)
    if inputs.clinical:
        names["clinical"] = tuple(column.name for column in inputs.clinical)
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


def clinical_vector(row: Mapping[str, Any], columns: tuple[str, ...]) -> dict[str, float]:
    """Return a case's clinical columns as numbers, NaN where missing.

    Raises:
        InputError: when a column holds something else than a number.
    """
    return {name: _number(name, row.get(name)) for name in columns}


def _number(name: str, value: Any) -> float:
    if value is None or value == "":
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(
            f"The clinical column '{name}' holds {value!r}: a number was expected. Code it as a number "
            "(the same way as in training), or leave it empty."
        ) from None
