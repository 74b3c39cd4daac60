"""What could be known of a folder of phantoms: the ideal observer's score of each case, from `truth.csv`.

The ideal observer is given the latent values that a model's inputs show, and whether a breast holds the lesion. No
model is better on average, so that its AUC is what a model's is held against.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from BreastFusionLib.errors import InputError, nearest_known
from BreastFusionLib.phantom.truth import LATENTS

__all__ = ["CERTAINLY_BENIGN", "PhantomCase", "ideal_scores"]

CERTAINLY_BENIGN = -100.0
"""Log-likelihood ratio of a breast without a lesion: in place of minus infinity, which no statistic takes."""


@dataclass(frozen=True)
class PhantomCase:
    """A case of a phantom cohort.

    Attributes:
        exam: its exam's path as the table has it; the last part is the phantom's name.
        side: of the breast, 'left' or 'right'; None for the lesion wherever it is.
    """

    exam: str
    side: str | None = None


def ideal_scores(truth: str | Path, cases: Sequence[PhantomCase], latents: Sequence[str]) -> list[float]:
    """Return each case's log-likelihood ratio, malignant against benign; a breast without a lesion is surely benign.

    Args:
        truth: `truth.csv` of `write_cohort`.
        cases: of the same folder.
        latents: names of the latent values that are seen, as in `LATENTS`.

    Raises:
        InputError: a name that is no latent value's, a file that is no truth of phantoms, or a case that is not in it.
    """
    known = {latent.name: latent for latent in LATENTS}
    for name in latents:
        if name not in known:  # left out in silence, the ideal would be too easy to reach
            raise InputError(f"Phantoms have no latent value '{name}'. {nearest_known(name, known)}")
    wanted = [known[name] for name in dict.fromkeys(latents)]
    rows = _rows(Path(truth), [f"latent_{latent.name}" for latent in wanted])
    scores = []
    for case in cases:
        name = PurePosixPath(case.exam).name
        if name not in rows:
            raise InputError(f"{truth} tells nothing of the phantom '{name}'. Give the truth.csv of the same phantoms.")
        row = rows[name]
        # Patient space is LPS: the left breast lies at positive x.
        lesion_side = "left" if float(row["dce_center_x_mm"]) > 0 else "right"
        if case.side not in (None, lesion_side):
            scores.append(CERTAINLY_BENIGN)
        else:
            scores.append(sum(latent.log_ratio(float(row[f"latent_{latent.name}"])) for latent in wanted))
    return scores


def _rows(path: Path, columns: Sequence[str]) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        table = csv.DictReader(stream)
        missing = [name for name in ("case_id", "dce_center_x_mm", *columns) if name not in (table.fieldnames or ())]
        if missing:
            raise InputError(f"{path} has no column '{missing[0]}', so it is no truth of phantoms of this version.")
        return {row["case_id"]: row for row in table}
