"""One preparation for several recipes, so that each case is read and measured once for all."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from BreastFusionLib.errors import InputError
from BreastFusionLib.images.settings import ProjectionSpec
from BreastFusionLib.reading.column_settings import ColumnSpec, RuleSpec
from BreastFusionLib.reading.recipe import SEQUENCE_WORDS, InputsSpec

__all__ = ["covering", "covers"]


def covering(inputs: Sequence[InputsSpec]) -> InputsSpec:
    """Return one preparation that serves several recipes.

    Raises:
        InputError: the recipes want the same source in different ways.
    """
    first = inputs[0]
    sequences = tuple(s for s in SEQUENCE_WORDS if any(s in i.sequences for i in inputs))
    merged = dataclasses.replace(
        first,
        sequences=sequences,
        patch=next((i.patch for i in inputs if i.patch is not None), None),
        radiomics=next((i.radiomics for i in inputs if i.radiomics is not None), None),
        kinetics=any(i.kinetics for i in inputs),
        clinical=tuple({column.name: column for i in inputs for column in i.clinical}.values()),
        clinical_rules=next((i.clinical_rules for i in inputs if i.clinical_rules), ()),
        projection=_widest([i.projection for i in inputs if i.projection is not None]),
    )
    for one in inputs:
        if not covers(merged, one):
            raise InputError(
                f"The recipes prepare their inputs differently ({one} does not fit into {merged}): "
                "they cannot share one preparation. Train them one by one."
            )
    return merged


def _widest(projections: Sequence[ProjectionSpec]) -> ProjectionSpec | None:
    """Return one projection for all: as an image where any recipe wants it so."""
    return max(projections, key=lambda projection: projection.as_image, default=None)


def _for_measures(projection: ProjectionSpec | None) -> ProjectionSpec | None:
    """Return the same projection for who wants only what is measured on it."""
    return None if projection is None else dataclasses.replace(projection, as_image=False)


def covers(prepared: InputsSpec, wanted: InputsSpec) -> bool:
    """Tell whether inputs prepared by one specification hold, unchanged, all that another one wants.

    Measured vectors must have the same names in the same order: radiomics those of the same sequences. Clinical columns
    are told apart by name, and may be used in other ways.
    """
    same_mapping = (prepared.dce_phase, prepared.registration) == (wanted.dce_phase, wanted.registration)
    return (
        same_mapping
        and set(wanted.sequences) <= set(prepared.sequences)
        and wanted.patch in (None, prepared.patch)
        and (
            wanted.radiomics is None or (wanted.radiomics, wanted.sequences) == (prepared.radiomics, prepared.sequences)
        )
        and (prepared.kinetics or not wanted.kinetics)
        and set(wanted.stored.clinical) <= set(prepared.stored.clinical)
        and wanted.clinical_rules == _rules_of(wanted.clinical, prepared.clinical_rules)
        and wanted.projection in (None, prepared.projection, _for_measures(prepared.projection))
    )


def _rules_of(columns: Sequence[ColumnSpec], rules: Sequence[RuleSpec]) -> tuple[RuleSpec, ...]:
    names = {column.name for column in columns}
    return tuple(rule for rule in rules if rule.column in names)
