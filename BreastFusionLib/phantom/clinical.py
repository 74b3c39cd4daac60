"""The clinical columns of a phantom: three that tell something of the lesion, and others that tell nothing.

Age, indication and lifetime risk are monotone functions of latent values (see `truth`), in falling order of effect,
so that a model's importances can be held against a known order. Density and background enhancement describe the
anatomy and what the images show of it, in the words of BI-RADS; they and the day of the exam do not depend on the
class. Some of these cells are empty, as in any register.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["CLINICAL_LEVELS", "clinical_row"]

CLINICAL_LEVELS = {
    "indication": ("screening", "other", "diagnostic"),
    "breast_density": ("a", "b", "c", "d"),
    "parenchymal_enhancement": ("minimal", "mild", "moderate", "marked"),
}
"""Column -> its words in order."""

# Latent values at which one indication becomes the next, and background enhancement in per cent likewise.
_INDICATION_STEPS = (0.0, 0.9)
_BACKGROUND_STEPS = (10.0, 25.0, 40.0)

_EMPTY_SHARE = 0.04
_YEARS_OF_EXAMS = 10


def clinical_row(
    rng: np.random.Generator, latents: Mapping[str, float], density: str, background_percent: float
) -> dict[str, Any]:
    """Return the clinical columns of an exam.

    Args:
        rng: draws the day of the exam and which cells are empty.
        latents: 'age', 'suspicion' and 'lifetime_risk' among them.
        density: ACR class, 'a' to 'd'.
        background_percent: enhancement of fibroglandular tissue in the last phase.

    Returns:
        age (years), indication, lifetime_risk_percent, breast_density, parenchymal_enhancement, exam_day (days since
        the first exam of the population's ten years); None where the register has an empty cell.
    """
    background = CLINICAL_LEVELS["parenchymal_enhancement"][np.digitize(background_percent, _BACKGROUND_STEPS)]
    day = int(rng.integers(round(_YEARS_OF_EXAMS * 365.25)))
    no_density, no_background = rng.random(2) < _EMPTY_SHARE
    return {
        "age": round(float(np.clip(45.0 + 11.5 * latents["age"], 20.0, 90.0))),
        "indication": CLINICAL_LEVELS["indication"][np.digitize(latents["suspicion"], _INDICATION_STEPS)],
        "lifetime_risk_percent": round(float(np.clip(11.0 * np.exp(0.4 * latents["lifetime_risk"]), 2.0, 85.0)), 1),
        "breast_density": None if no_density else density,
        "parenchymal_enhancement": None if no_background else background,
        "exam_day": day,
    }
