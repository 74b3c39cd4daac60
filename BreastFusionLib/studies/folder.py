"""The folder of a study: all in it is of one study, with one set of settings, on one cohort, made by one version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from BreastFusionLib import __version__
from BreastFusionLib.cohort.fingerprint import cohort_fingerprint
from BreastFusionLib.cohort.table import Cohort
from BreastFusionLib.errors import InputError, first_few
from BreastFusionLib.files import to_plain, write_json
from BreastFusionLib.studies.plan import PlannedModel, StudyPlan
from BreastFusionLib.studies.remembered import remembered
from BreastFusionLib.training.run import settings_that_differ

__all__ = ["SECONDS", "TIMINGS", "claim", "refuse_other", "run_folder"]

TIMINGS = "timings.json"
"""What a dry run measured, in the folder of the study that may come."""
SECONDS = "seconds.json"
"""Seconds of each stage of a study."""
_PLAN = "plan.json"


def run_folder(out: Path, model: PlannedModel) -> Path:
    """Return the folder of a model's runs."""
    return out / "runs" / model.key


def claim(folder: Path, plan: StudyPlan, cases: Cohort) -> None:
    """Write down whose folder this is."""
    write_json(folder / _PLAN, _owner(plan, cases))


def refuse_other(folder: Path, plan: StudyPlan, cases: Cohort) -> None:
    """Refuse a folder that is not this study's.

    Raises:
        InputError: it is another study's, another version's, or holds something else.
    """
    path = folder / _PLAN
    if path.is_file():
        found = remembered(path)
        if not {"settings", "cohort"} <= found.keys():  # which earlier versions did not write down
            raise _made_by_another_version(folder, "an earlier one")
        for key, asked in _owner(plan, cases).items():
            if found.get(key, asked) != asked:  # runs tell their version too
                raise _other(folder, key, found[key], asked)
        _refuse_other_recipes(folder, plan)
    elif folder.is_dir() and any(one.name != TIMINGS and one.name[0] != "." for one in folder.iterdir()):
        raise InputError(f"{folder} is not empty and holds no study: choose another folder.")


def _refuse_other_recipes(folder: Path, plan: StudyPlan) -> None:
    """Refuse runs of recipes that a version changed; the caller's settings are the same."""
    for model in plan.possible:
        found = remembered(run_folder(folder, model) / "recipe.json")
        changed = settings_that_differ(found, to_plain(model.recipe.resolved())) if found else []
        if changed:
            raise _made_by_another_version(folder, f"of {model.name}, {first_few(changed, 1)}")


def _owner(plan: StudyPlan, cases: Cohort) -> dict[str, Any]:
    return {
        "study": plan.study.name,
        "size": plan.size,
        "settings": list(plan.overrides),
        "cohort": cohort_fingerprint(cases.table),
        "version": __version__,
    }


def _other(folder: Path, key: str, found: Any, asked: Any) -> InputError:
    """Say what else a folder holds."""
    if key == "version":
        return _made_by_another_version(folder, f"{found}, this is {asked}")
    if key == "cohort":
        words = "this study of another cohort: its cases, labels or splits differ"
    elif key == "settings":
        found, asked = (" ".join(one) or "none" for one in (found, asked))
        words = f"this study with other settings ({found}), asked for was {asked}"
    elif key == "size":
        words = f"this study at the {found} size, asked for was the {asked} size"
    else:
        words = f"the study {found}, asked for was {asked}"
    return InputError(f"{folder} holds {words}. Choose another folder.")


def _made_by_another_version(folder: Path, why: str) -> InputError:
    return InputError(
        f"{folder} holds a study made by another version of BreastFusion ({why}), and results of two versions are "
        "never mixed. Choose another folder, or continue with that version. A report that is there can be read as it "
        "is."
    )
