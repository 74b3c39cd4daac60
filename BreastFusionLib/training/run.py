"""A run: the folder that training a recipe on a cohort leaves behind, and continues in when called again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from BreastFusionLib.cohort.disk import saying_disk_full
from BreastFusionLib.errors import InputError
from BreastFusionLib.files import TEMPORARY, to_plain, write_json

__all__ = ["Run", "begin_run", "settings_that_differ"]


_HELD = {
    "run.json": "a run",
    "seeds.json": "runs of several seeds",
    "cross_validation.json": "a cross-validation",
    "plan.json": "a study",
}
_HASHES = {
    "cohort": " (a hash of the table's cases, patients, labels and splits)",
    "inputs": " (a hash of the prepared cases: images, masks, clinical columns, and which cases could be prepared)",
}


@dataclass(frozen=True)
class Run:
    """The folder of a run.

    It holds recipe.json (resolved), run.json (what was trained on what), log.csv and curves.svg, failed.csv (cases that
    could not be prepared), predictions.csv (all splits), predictions_test.csv and bundle/; until it is finished,
    checkpoints/ to continue from: the best epoch's weights, and the last one's with the state of the optimiser.
    """

    folder: Path

    @property
    def bundle(self) -> Path:
        """The model folder."""
        return self.folder / "bundle"

    @property
    def predictions(self) -> Path:
        """case_id, patient_id, label, score, split (and site) of every case."""
        return self.folder / "predictions.csv"

    @property
    def test_predictions(self) -> Path:
        """The same of the test cases alone, which is what an evaluation takes."""
        return self.folder / "predictions_test.csv"

    def read_predictions(self, split: str | None = None) -> pd.DataFrame:
        """Return the predictions, of one split or of all; names stay text."""
        table = pd.read_csv(self.predictions, dtype=dict.fromkeys(("case_id", "patient_id", "site"), "str"))
        return table if split is None else table[table["split"] == split].reset_index(drop=True)

    @property
    def log(self) -> Path:
        """One row an epoch."""
        return self.folder / "log.csv"

    @property
    def finished(self) -> bool:
        """Whether everything is there; the bundle is written last."""
        return (self.bundle / "checksums.json").is_file()


def begin_run(folder: Path, settings: Mapping[str, Any], file: str = "run.json", writes: bool = True) -> Run:
    """Begin a run, or continue one with the same settings.

    Args:
        folder: of the run.
        settings: what its result depends on (resolved recipe, cohort, prepared inputs); what is known later may be
            told by a second call.
        file: where they are written; a folder of several runs has another one, so that neither is taken for the other.
        writes: False only looks whether the folder can be used: in a process that trains with others.

    Raises:
        InputError: the folder holds a run with other settings, or something else, or the disk is full.
    """
    from BreastFusionLib.training.processes import waiting_for_first

    wanted, found, path = to_plain(dict(settings)), {}, folder / file
    if path.is_file():
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(f"{path} cannot be read ({error}). Choose another folder, or delete this one.") from error
        differences = settings_that_differ(found, {**found, **{key: wanted[key] for key in wanted if key in found}})
        if differences:
            raise InputError(
                f"{folder} holds a run with other settings: {'; '.join(differences[:3])}"
                f"{f'; and {len(differences) - 3} more' if len(differences) > 3 else ''}. "
                "Choose another folder, or delete this one to train anew."
            )
    elif folder.exists() and any(not one.name.startswith(TEMPORARY) for one in folder.iterdir()):
        held = next((what for name, what in _HELD.items() if (folder / name).is_file()), None)
        raise InputError(f"{folder} holds {held or 'something else'}, and not {_HELD[file]}: choose another folder.")
    with waiting_for_first(), saying_disk_full(folder):
        if writes:
            write_json(path, {**found, **wanted})
            write_json(folder / "recipe.json", wanted["recipe"])
    return Run(folder)


def settings_that_differ(found: Any, wanted: Any, place: str = "") -> list[str]:
    """Say in words where two nested plain values differ; of a hash, what it is of."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        keys = [*wanted, *(key for key in found if key not in wanted)]
        return [
            sentence
            for key in keys
            for sentence in settings_that_differ(found.get(key), wanted.get(key), f"{place}.{key}".removeprefix("."))
        ]
    return [] if found == wanted else [f"{place} was {found!r}, is now {wanted!r}{_HASHES.get(place, '')}"]
