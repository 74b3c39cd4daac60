"""From a recipe and a cohort to a run: fitted weights, their log and curves, predictions, and the bundle.

    run = train(load_recipe("fusion"), read_cohort("cohort.csv"), "run")

pandas, pydantic, PyTorch and Lightning load when one of these names is first used, not with the room.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "CrossValidation": "crossvalidate",
    "EvaluationSpec": "spec",
    "Recipe": "recipe",
    "Run": "run",
    "SeedRuns": "seeds",
    "TrainingSpec": "spec",
    "cross_validate": "crossvalidate",
    "load_recipe": "recipe",
    "recipe_names": "recipe",
    "train": "fit",
    "train_seeds": "seeds",
}

__all__ = [
    "CrossValidation",
    "EvaluationSpec",
    "Recipe",
    "Run",
    "SeedRuns",
    "TrainingSpec",
    "cross_validate",
    "load_recipe",
    "recipe_names",
    "train",
    "train_seeds",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
