"""Which sources and columns a bundle needs: its cases taken apart, and pieces of them exchanged between cases.

Whatever a bundle sees can be shuffled: a sequence's image, all radiomics of a sequence, the kinetics, a clinical column
or the dummies of one. Images are encoded once; a shuffle only fuses again, so that thirty of them cost seconds.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from BreastFusionLib.cohort.inputs import Progress, compute_inputs
from BreastFusionLib.cohort.splits import recorded_splits
from BreastFusionLib.cohort.table import Cohort
from BreastFusionLib.errors import InputError, first_few, nearest_known
from BreastFusionLib.evaluation.importance import SHUFFLES, Importance, column_groups, permutation_importance
from BreastFusionLib.evaluation.split_words import SPLITS, split_word
from BreastFusionLib.reading.clinical import is_known
from BreastFusionLib.reading.score import Encoded, encode, images_present, score_encoded, vector_tensors
from BreastFusionLib.reading.vectors import source_values

if TYPE_CHECKING:
    from BreastFusionLib.reading.bundle import Bundle
    from BreastFusionLib.reading.cache import SavedInputs
    from BreastFusionLib.reading.score import PreparedCase

__all__ = ["CasePieces", "bundle_importance", "cases_with_sources"]

logger = logging.getLogger(__name__)


class CasePieces:
    """A bundle's predictions for cases that are put together from pieces of several.

    Attributes:
        table: one row a case, one column a piece ('image.dce', 'radiomics.dce_original_..', 'clinical.age'); a cell
            says which case the piece comes from, as its row number. At first each case is its own.
    """

    def __init__(self, bundle: Bundle, cases: Sequence[PreparedCase]) -> None:
        """Encode the cases, one after the other, so that no more than one is held as images."""
        self._bundle = bundle
        encoded = [dataclasses.replace(encode([case], bundle), images={}, maps={}) for case in cases]
        # The images' features, as they are and of each copy that a score is averaged over.
        views = zip(*((one.features, *one.copies) for one in encoded), strict=True)
        self._views = [{s: torch.cat([one[s] for one in view]) for s in view[0]} for view in views]
        self._features = self._views[0]
        self._vectors = {s: torch.cat([one.vectors[s] for one in encoded]) for s in encoded[0].vectors}
        self._present = {s: torch.cat([one.present[s] for one in encoded]) for s in encoded[0].present}
        parts = {source: bundle.scalers[source].parts for source in self._vectors}
        self._defined = {
            source: torch.tensor(
                np.array([[is_known(source_values(case, source)[name]) for name in names] for case in cases]),
                device=self._vectors[source].device,
            )
            for source, names in parts.items()
        }
        # Of which piece each of the network's inputs is a part: the dummies of a clinical column are one piece.
        self._pieces = {
            source: np.repeat(np.arange(len(names)), [len(places) for places in names.values()])
            for source, names in parts.items()
        }
        self._columns = {source: [f"{source}.{name}" for name in names] for source, names in parts.items()}
        columns = [_image(source) for source in self._features] + [c for own in self._columns.values() for c in own]
        rows = np.repeat(np.arange(len(cases))[:, None], len(columns), axis=1)
        self.table = pd.DataFrame(rows, columns=columns, index=[case.case_id for case in cases])

    def groups(self, categories: Sequence[str] = ()) -> dict[str, list[str]]:
        """Return what is worth shuffling together.

        Each image; each sequence with its image and radiomics; all radiomics; all kinetics; each clinical column.

        Args:
            categories: clinical categories that stand in the cohort as several columns, 'density' for 'density_b',
                'density_c' and 'density_d'. A column of levels is shuffled as one in any case.
        """
        groups = {f"{source} image": [_image(source)] for source in self._features}
        radiomics = self._columns.get("radiomics", [])
        for sequence in self._bundle.recipe.inputs.sequences:
            measured = [column for column in radiomics if column.startswith(f"radiomics.{sequence}_")]
            if measured and sequence in self._features:
                groups[f"{sequence} image and radiomics"] = [_image(sequence), *measured]
        groups |= {source: self._columns[source] for source in ("radiomics", "kinetics") if source in self._columns}
        clinical = [column.removeprefix("clinical.") for column in self._columns.get("clinical", [])]
        for name, columns in column_groups(clinical, categories).items():
            groups[name] = [f"clinical.{column}" for column in columns]
        return groups

    def __call__(self, table: pd.DataFrame) -> NDArray[np.float64]:
        """Return calibrated probabilities (n,) of cases put together as a table says."""
        device = self._bundle.device
        taken = {s: torch.tensor(table[_image(s)].to_numpy(), device=device) for s in self._features}
        features, *copies = ({source: values[taken[source]] for source, values in view.items()} for view in self._views)
        vectors, present = {}, {source: self._present[source][rows] for source, rows in taken.items()}
        for source, values in self._vectors.items():
            pieces = table[self._columns[source]].to_numpy()
            rows, inputs = (torch.tensor(a, device=values.device) for a in (pieces, pieces[:, self._pieces[source]]))
            vectors[source] = values.gather(0, inputs)
            present[source] = self._defined[source].gather(0, rows).any(dim=1)
        put_together = Encoded({}, vectors, present, {}, features, tuple(copies))
        return np.array([scores.probability for scores in score_encoded(put_together, self._bundle)])


def bundle_importance(
    bundle: Bundle,
    cohort: Cohort,
    split: str = "test",
    categories: Sequence[str] = (),
    shuffles: int = SHUFFLES,
    seed: int = 0,
    cache: Path | None = None,
    workers: int = 1,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> tuple[Importance, ...]:
    """Measure what each source and each clinical column is worth to a bundle, by AUC on a cohort.

    Args:
        bundle: the model.
        cohort, cache, workers, scheduler, progress: see `compute_inputs`.
        split: the cases of this split are used. A cohort without splits has those of the run that the bundle lies in;
            where that knows none of its cases all are used, with a warning in the log.
            Cases without a label and those that cannot be prepared are left out, and so are, with a warning, those
            that have none of the model's sources.
        categories: see `CasePieces.groups`.
        shuffles, seed: see `permutation_importance`.

    Raises:
        InputError: an unknown split, no case with a label can be used, or those that can are of one class.
    """
    if split_word(split) not in SPLITS:
        raise InputError(f"There is no split '{split}'. {nearest_known(split, SPLITS)}")
    table = cohort.table
    if table["split"].isna().all():
        table = table.assign(split=recorded_splits(table, bundle.folder.parent / "predictions.csv"))
    if table["split"].notna().any():
        table = table[table["split"] == split_word(split)]
    else:
        logger.warning(
            "The cohort has no splits: importance is measured on all its cases. If the bundle was trained on some of "
            "them, sources seem worth more than they are: tell the cases apart in a column 'split'."
        )
    chosen = Cohort(table[table["label"].notna()].reset_index(drop=True), cohort.folder, cohort.problems)
    prepared = compute_inputs(chosen, bundle.recipe.inputs, cache, workers, scheduler, progress)
    cases = cases_with_sources(prepared[prepared["status"] == "ok"], bundle)
    if not cases:
        raise InputError(
            f"None of the cohort's {len(cohort.table)} cases is of split '{split}', has a label, can be prepared and "
            "has any of the model's sources: importance cannot be measured. Name another split."
        )
    task, labels = bundle.recipe.task, chosen.table.set_index("case_id")["label"].loc[list(cases)].to_numpy(dtype=int)
    pieces, positive = CasePieces(bundle, list(cases.values())), labels == task.classes.index(task.positive)
    return permutation_importance(pieces, pieces.table, positive.astype(int), pieces.groups(categories), shuffles, seed)


def cases_with_sources(prepared: pd.DataFrame, bundle: Bundle) -> dict[str, SavedInputs]:
    """Load prepared cases, but for those that have none of the model's sources, which are told.

    A file in the cache may say another name: that of the case for which it was made, of which this one is a copy.

    Args:
        prepared: case_id and path of cases that could be prepared.
        bundle: the model.

    Returns:
        case_id -> its inputs.
    """
    from BreastFusionLib.reading.cache import load_inputs

    cases = {
        str(name): load_inputs(Path(path)) for name, path in zip(prepared["case_id"], prepared["path"], strict=True)
    }
    if not cases:
        return {}
    loaded = list(cases.values())
    _, known = vector_tensors(loaded, bundle.scalers, bundle.recipe)
    there = torch.stack([*images_present(loaded, bundle.recipe).values(), *known.values()]).any(dim=0)
    empty = [case_id for case_id, any_there in zip(cases, there.tolist(), strict=True) if not any_there]
    if empty:
        logger.warning(
            "%s: none of the model's sources is there (%d of %d cases). Importance is measured on the others.",
            *(first_few(empty), len(empty), len(cases)),
        )
    return {case_id: case for case_id, case in cases.items() if case_id not in empty}


def _image(source: str) -> str:
    return f"image.{source}"
