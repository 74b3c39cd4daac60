"""How every vector source of a model becomes the network's inputs, as measured over the training cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from BreastFusionLib.reading.clinical import is_known
from BreastFusionLib.reading.clinical_encoder import ClinicalEncoder
from BreastFusionLib.reading.recipe import CLINICAL, InputsSpec
from BreastFusionLib.reading.scaler import Scaler
from BreastFusionLib.reading.vectors import source_values, vector_names

if TYPE_CHECKING:
    from BreastFusionLib.reading.score import PreparedCase

__all__ = ["Scalers", "fit_scalers", "raw_rows", "scalers_from_json", "scalers_to_json"]

Scalers = Mapping[str, Scaler | ClinicalEncoder]
"""Vector source -> how its values become inputs; clinical columns have an encoder."""


def fit_scalers(
    cases: Sequence[PreparedCase], labels: ArrayLike, inputs: InputsSpec, classes: int = 2
) -> dict[str, Scaler | ClinicalEncoder]:
    """Measure every vector source over the training cases, and over these only.

    Args:
        cases: N prepared training cases.
        labels: (N,) class indices.
        inputs: which sources there are.
        classes: number of classes.

    Raises:
        InputError: a clinical column without any value.
    """
    scalers: dict[str, Scaler | ClinicalEncoder] = {
        source: Scaler.fit(names, [[case.vectors[source][name] for name in names] for case in cases], labels, classes)
        for source, names in vector_names(inputs).items()
    }
    if inputs.clinical:
        scalers[CLINICAL] = ClinicalEncoder.fit(inputs.clinical, [case.columns for case in cases], labels, classes)
    return scalers


def raw_rows(case: PreparedCase, scalers: Scalers) -> list[dict[str, Any]]:
    """Return every feature and clinical column of a case, in the network's order, for a table.

    Returns:
        Rows 'source', 'name', 'value' (a number or a level's word; None where undefined), and of a clinical column
        'title', 'unit' and 'origin'.
    """
    return [
        {
            "source": source,
            "name": name,
            "value": value if is_known(value := source_values(case, source)[name]) else None,
            **scaler.about(name),
        }
        for source, scaler in scalers.items()
        for name in scaler.parts
    ]


def scalers_to_json(scalers: Scalers) -> dict[str, Any]:
    """Return scalers as plain JSON content, but for NaN where a feature is never defined."""
    return {source: scaler.to_mapping() for source, scaler in scalers.items()}


def scalers_from_json(content: Mapping[str, Any], where: str) -> dict[str, Scaler | ClinicalEncoder]:
    """Read what `scalers_to_json` returned.

    Raises:
        InputError: when a key is missing, or arrays do not fit the names.
    """
    return {source: _from_mapping(entry, f"{where}, {source}") for source, entry in content.items()}


def _from_mapping(entry: Any, where: str) -> Scaler | ClinicalEncoder:
    clinical = isinstance(entry, Mapping) and entry.get("kind") == "clinical"
    return ClinicalEncoder.from_mapping(entry, where) if clinical else Scaler.from_mapping(entry, where)
