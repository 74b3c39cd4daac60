"""What is said once of a whole cohort, of which a reading tells its one case."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping

from BreastFusionLib.cohort.table import Cohort, records
from BreastFusionLib.errors import InputError, first_few
from BreastFusionLib.exam.phase_choice import TOO_FEW_PHASES
from BreastFusionLib.lesion.model import OTHER_SIDE
from BreastFusionLib.reading.cache import load_inputs
from BreastFusionLib.reading.clinical import is_stray_level, word_among
from BreastFusionLib.reading.recipe import InputsSpec

__all__ = ["tell_empty_columns", "tell_idle_rules", "tell_of_exams", "tell_stray_levels"]

logger = logging.getLogger(__name__)


def tell_empty_columns(cohort: Cohort, inputs: InputsSpec) -> None:
    """Log columns without any value: what an export left empty would be imputed without anyone knowing."""
    for column in inputs.clinical:
        if column.origin == "table" and cohort.table[column.name].isna().all():
            logger.warning(
                "The clinical column '%s' is empty in all %d cases: what stands in for a missing value is all that a "
                "model sees of it. Fill it in where it is known.",
                *(column.name, len(cohort.table)),
            )


def tell_stray_levels(cohort: Cohort, inputs: InputsSpec) -> None:
    """Log once for each word that a schema does not know: a slip of the pen would be imputed without anyone knowing."""
    for column in inputs.clinical:
        if column.origin == "table":
            given = cohort.table[column.name]
            stray = given[[is_stray_level(column, value) for value in given]]
            for word, count in stray.astype(str).str.strip().value_counts().items():
                logger.warning(
                    "The clinical column '%s' holds '%s' in %d of %d cases, which is none of its levels (%s); it "
                    "counts as missing there. Correct it, or add it to the recipe's levels.",
                    *(column.name, word, count, len(given), ", ".join(column.levels)),
                )


def tell_idle_rules(cohort: Cohort, inputs: InputsSpec) -> None:
    """Log that a rule changes no case, though some hold the value that it replaces.

    holste2021's indication gives the answer away where BI-RADS is 6: a table that writes 'BI-RADS 6' would keep it.
    """
    for rule in inputs.clinical_rules:
        if rule.where not in cohort.table or rule.column not in cohort.table:  # a column may be the exam's own
            continue
        held = cohort.table[[word_among((rule.value,), value) is not None for value in cohort.table[rule.column]]]
        found = held[rule.where]
        if len(held) and not any(word_among(rule.where_values, value) is not None for value in found):
            logger.warning(
                "The recipe replaces '%s' in the clinical column '%s' where '%s' holds %s, which none of the %d cases "
                "with it does: it holds %s there. If that means the same, write it as the recipe does: else a model "
                "learns the answer from '%s'.",
                *(rule.value, rule.column, rule.where, " or ".join(rule.where_values), len(held)),
                *(first_few(found.dropna().astype(str).str.strip().unique()) or "nothing", rule.column),
            )


def tell_of_exams(cohort: Cohort, paths: Mapping[str, str]) -> None:
    """Log once what spoils a study if it holds for many exams.

    That they lack the phase that is wanted: theirs is another time after contrast. That lesions lie in the other
    breast than the table says: a column may be swapped, or masks belong to other exams.

    Args:
        cohort: the cases.
        paths: case_id -> its file, of those that are prepared.
    """
    told: dict[str, dict[str, str]] = {}  # sentence -> exam -> its first case
    for row in records(cohort.usable):
        case_id = row["case_id"]
        with contextlib.suppress(InputError):  # a damaged file is told by who uses it
            for sentence in load_inputs(paths[case_id]).warnings if case_id in paths else ():
                if sentence.startswith((TOO_FEW_PHASES, OTHER_SIDE)):
                    told.setdefault(sentence, {}).setdefault(str(row["exam"]), case_id)
    exams = cohort.usable["exam"].nunique()
    for sentence, cases in told.items():
        first = next(iter(cases.values()))
        logger.warning("%s This holds for %d of %d exams, first in case '%s'.", sentence, len(cases), exams, first)
