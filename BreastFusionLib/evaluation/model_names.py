"""What models are called: as told, or by the files that their predictions are in."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path

from BreastFusionLib.errors import InputError, first_few

__all__ = ["model_names"]


def model_names(paths: Sequence[str | Path], names: Sequence[str] = ()) -> list[str]:
    """Name models as told, or by their files.

    Files that are called alike (runs' predictions.csv) go by their folders instead, by their suffix too (a.csv,
    a.parquet), or by as much of their path as tells them apart.

    Args:
        paths: of the tables.
        names: in their order; empty to name them by their files.

    Raises:
        InputError: another number of names than of tables, or one table twice and no names.
    """
    if names:
        if len(names) != len(paths):
            raise InputError(f"{len(names)} names ({first_few(names)}) for {len(paths)} tables: give one for each.")
        return list(names)
    files = [Path(path).resolve() for path in paths]
    if len(set(files)) < len(files):
        twice = next(path for path, file in zip(paths, files, strict=True) if files.count(file) > 1)
        raise InputError(f"{twice} is given twice. Give each table once, or name the models with --name.")
    found = [file.stem for file in files]
    deepest = max(len(file.parts) for file in files)
    for stem in dict.fromkeys(found):
        alike = [row for row, file in enumerate(files) if file.stem == stem]
        if len(alike) == 1:
            continue
        others = [name for row, name in enumerate(found) if row not in alike]
        for folders, with_file in product(range(deepest), (False, True)):
            own = [_end_of_path(files[row], folders, with_file) for row in alike]
            if all(own) and len({*own, *others}) == len({*others}) + len(own):
                for row, name in zip(alike, own, strict=True):
                    found[row] = name
                break
    return found


def _end_of_path(file: Path, folders: int, with_file: bool) -> str:
    """Return the last folders of a path, with or without the file's own name; empty without either."""
    end = len(file.parts) - 1
    return "/".join(file.parts[max(1, end - folders) : end + with_file])
