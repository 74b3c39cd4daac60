"""Prepared cases on disk: tensors as safetensors, everything else in its JSON header, nothing pickled."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Grid
from BreastFusionLib.files import replacing, sha256_of_bytes, sha256_of_file, to_plain
from BreastFusionLib.images.patches import Patch
from BreastFusionLib.reading.clinical import ColumnValue, table_columns
from BreastFusionLib.reading.model import CaseInputs
from BreastFusionLib.reading.recipe import InputsSpec
from BreastFusionLib.reading.versions import measuring_versions
from BreastFusionLib.settings import from_mapping, to_mapping

__all__ = ["SavedInputs", "inputs_key", "load_inputs", "save_inputs"]

# Raise the number whenever this file's layout changes, or `prepare` gives other numbers before the next release.
_SCHEMA = "breastfusion.inputs/3"


@dataclass(frozen=True)
class SavedInputs:
    """What training and scoring need of a `CaseInputs`; fields mean the same as there."""

    case_id: str
    patches: Mapping[str, Patch]
    vectors: Mapping[str, Mapping[str, float]]
    context: Mapping[str, Any]
    warnings: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    columns: Mapping[str, ColumnValue] = field(default_factory=dict)


def save_inputs(inputs: CaseInputs, path: str | os.PathLike[str]) -> Path:
    """Write a prepared case; an interrupted call leaves no half file."""
    from safetensors.numpy import save_file

    tensors = {f"patch/{name}": np.ascontiguousarray(patch.pixels) for name, patch in inputs.patches.items()}
    for source, values in inputs.vectors.items():
        tensors[f"vector/{source}"] = np.array(list(values.values()), dtype=np.float64)
    header = {
        "schema": _SCHEMA,
        "case_id": inputs.case_id,
        "grids": {name: dataclasses.asdict(patch.grid) for name, patch in inputs.patches.items()},
        "names": {source: list(values) for source, values in inputs.vectors.items()},
        "context": inputs.context,
        "warnings": inputs.warnings,
        "seconds": inputs.seconds,
        "columns": inputs.columns,
    }
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata={"inputs": json.dumps(to_plain(header), allow_nan=False)})
    return Path(path)


def load_inputs(path: str | os.PathLike[str]) -> SavedInputs:
    """Read what `save_inputs` wrote; patches when they are asked for, so that vectors alone cost little.

    Raises:
        InputError: when the file is damaged or of another version.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(os.fspath(path), framework="numpy") as file:
            header = json.loads((file.metadata() or {})["inputs"])
            vectors = {source: file.get_tensor(f"vector/{source}").tolist() for source in header["names"]}
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise InputError(f"{path} is no prepared case ({error}). Delete it, and it is computed again.") from error
    if header["schema"] != _SCHEMA:
        raise InputError(f"{path} has schema {header['schema']}, expected {_SCHEMA}. Delete the cache folder.")
    return SavedInputs(
        case_id=header["case_id"],
        patches=_PatchesOnDisk(path, header["grids"]),
        vectors={source: dict(zip(names, vectors[source], strict=True)) for source, names in header["names"].items()},
        context=header["context"],
        warnings=tuple(header["warnings"]),
        seconds=header["seconds"],
        columns=header["columns"],
    )


class _PatchesOnDisk(Mapping[str, Patch]):
    """The patches of a prepared case, each read anew whenever it is asked for."""

    def __init__(self, path: str | os.PathLike[str], grids: Mapping[str, Any]) -> None:
        self._path = os.fspath(path)
        self._grids = {name: from_mapping(Grid, grid, f"{path}, grid of {name}") for name, grid in grids.items()}

    def __getitem__(self, name: str) -> Patch:
        from safetensors import SafetensorError, safe_open

        grid = self._grids[name]
        try:
            with safe_open(self._path, framework="numpy") as file:
                return Patch(file.get_tensor(f"patch/{name}"), grid)
        except (OSError, SafetensorError) as error:
            raise InputError(f"{self._path} is no prepared case any more ({error}). Prepare it again.") from error

    def __contains__(self, name: object) -> bool:
        return name in self._grids  # a mapping would try, and read

    def __iter__(self) -> Iterator[str]:
        return iter(self._grids)

    def __len__(self) -> int:
        return len(self._grids)


def inputs_key(
    files: Iterable[str | os.PathLike[str]],
    inputs: InputsSpec,
    clinical: Mapping[str, Any] | None = None,
    side: str | None = None,
) -> str:
    """Name a prepared case by what it is made of: the files' content, the settings, the clinical columns used.

    And by who measured it: what another version of this library or of what it measures with has left is never used.

    Args:
        files: all files of the exam and its lesion mask, in any order; where they lie does not count.
        inputs: how the case is prepared; what changes nothing that is stored does not count.
        clinical: the case's row, 'case_id' included where the recipe has rules, which draw from it; columns that the
            recipe does not name do not count.
        side: of the breast, as the case's row says.

    Returns:
        A hexadecimal SHA-256.
    """
    names = (*table_columns(inputs), *(("case_id",) if inputs.clinical_rules else ()))
    row = {name: (clinical or {}).get(name) for name in names}
    # NaN is not equal to itself, so a missing number would name a new case each time.
    row = {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()}
    content = {
        "schema": _SCHEMA,
        "versions": measuring_versions(radiomics=inputs.radiomics is not None),
        "files": sorted((Path(file).name, sha256_of_file(file)) for file in files),
        "inputs": to_mapping(inputs.stored),
        "clinical": row,
        "side": side,
    }
    # As text, a date has a name too; the preparation says in a sentence that it is no value.
    return sha256_of_bytes(json.dumps(to_plain(content), sort_keys=True, default=str).encode())
