"""Which phase of a DCE series is used, when a model wants one and a person may have chosen another."""

from __future__ import annotations

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.model import Series

__all__ = ["TOO_FEW_PHASES", "choose_phase"]

TOO_FEW_PHASES = "The DCE series has too few phases"
"""How a sentence begins that tells of a series without the wanted phase."""


def choose_phase(dce: Series, wanted: int, chosen: int | None = None) -> tuple[int, list[str]]:
    """Return the number of the phase that is used (0 = before contrast), and sentences when it is not the wanted one.

    Args:
        dce: the series.
        wanted: the phase that the model was trained with; of a shorter series the last one is taken.
        chosen: the phase that a person chose instead; None for nobody.

    Raises:
        InputError: the series has one phase only, or not the chosen one.
    """
    if len(dce.phases) < 2:
        raise InputError(
            f"The DCE series '{dce.description}' has one phase only: at least one before and one after contrast "
            "are needed. Load the folder of the whole study, or put the phases together in an exam folder."
        )
    last = len(dce.phases) - 1
    if chosen is not None and chosen != min(wanted, last):
        dce.phase(chosen)  # refuses a phase that does not exist
        return chosen, [
            f"DCE phase {chosen} was chosen; the model was trained with phase {wanted} (0 = before contrast)."
        ]
    if wanted > last:
        return last, [
            f"{TOO_FEW_PHASES} ({last + 1}): the model wants phase {wanted} (0 = before contrast), and phase {last}, "
            "the last one, was used."
        ]
    return wanted, []
