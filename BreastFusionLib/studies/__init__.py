"""Whole studies: a paper's set of experiments, trained, measured and told on one page.

    plan = plan_study("holste2021", size="small")
    print(estimate(plan, "breasts.csv", "out"))            # what would be trained, and how long it takes
    finish_study(run_study(plan, "breasts.csv", "out"))

pandas, PyTorch and matplotlib load when one of these names is first used, not with the room.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "STUDIES": "plan",
    "StudyPlan": "plan",
    "StudyRuns": "run",
    "estimate": "dry_run",
    "finish_study": "write",
    "plan_study": "plan",
    "run_study": "run",
}

__all__ = ["STUDIES", "StudyPlan", "StudyRuns", "estimate", "finish_study", "plan_study", "run_study"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
