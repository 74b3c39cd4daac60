"""One number that says which cases a model has seen."""

from __future__ import annotations

import pandas as pd

from BreastFusionLib.files import sha256_of_bytes

__all__ = ["cohort_fingerprint"]


def cohort_fingerprint(table: pd.DataFrame) -> str:
    """Return a hash of which cases of which patients have which label and split.

    It does not depend on the order of the rows, on where the files lie, or on clinical columns, and no identifier
    can be read back from it.

    Args:
        table: with case_id, patient_id, and as far as they exist label and split.
    """
    columns = [name for name in ("case_id", "patient_id", "label", "split") if name in table.columns]
    lines = sorted(
        "\t".join("" if pd.isna(v) else str(v) for v in row) for row in table[columns].itertuples(index=False)
    )
    return sha256_of_bytes("\n".join(lines).encode())
