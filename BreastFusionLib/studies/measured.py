"""How long cases and networks take on this machine: measured on a few cases and a few steps, once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from BreastFusionLib.cohort.table import Cohort, load_case, records
from BreastFusionLib.errors import InputError, reason_of
from BreastFusionLib.files import sha256_of_bytes, write_json
from BreastFusionLib.reading.clinical import is_known
from BreastFusionLib.reading.devices import choose_device
from BreastFusionLib.reading.model import CaseInputs
from BreastFusionLib.reading.prepare import prepare
from BreastFusionLib.reading.recipe import InputsSpec
from BreastFusionLib.studies.machine import machine
from BreastFusionLib.studies.plan import PlannedModel
from BreastFusionLib.studies.remembered import remembered
from BreastFusionLib.studies.timing import Timing, time_network

__all__ = ["Measured"]

_SAMPLE_CASES = 4


class Measured:
    """Seconds of a cohort's cases and of networks that see them, kept in a file."""

    def __init__(self, path: Path, cohort: Cohort, inputs: InputsSpec, device: str = "auto") -> None:
        """Take up what the file holds.

        Args:
            path: of the file.
            cohort: from which a few cases are taken, of either class.
            inputs: how they are prepared.
            device: where networks run, as `choose_device` takes it.
        """
        self._path, self._known = path, remembered(path)
        self._cohort, self._inputs, self._device = cohort, inputs, choose_device(device)[0]
        self._machine = {**machine(device), "Threads": str(torch.get_num_threads())}
        del self._machine["Date"]
        self._cases: list[CaseInputs] = []
        self._took: list[float] = []

    def preparation_s(self) -> float:
        """Return how long a case is prepared.

        Raises:
            InputError: none of the first cases can be prepared.
        """
        return float(self._once("preparation", asdict(self._inputs), self._time_preparation)["case_s"])

    def timing(self, model: PlannedModel) -> Timing:
        """Return how long a model's network takes for a case."""
        # Seeds and names change no time.
        settings = {key: value for key, value in model.recipe.resolved().items() if key not in ("name", "description")}
        settings["training"] = {**settings["training"], "seed": 0}
        settings["measured"] = [one.name for one in fields(Timing)]
        found = self._once(
            model.key, settings, lambda: asdict(time_network(model.recipe, self._with_all_columns(), self._device))
        )
        return Timing(**found)

    def _once(self, what: str, settings: Mapping[str, Any], measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return what was measured with these settings on this machine, measuring it the first time."""
        text = json.dumps({"settings": settings, "machine": self._machine}, sort_keys=True, default=str)
        key = f"{what} {sha256_of_bytes(text.encode())[:16]}"
        if key not in self._known:
            self._known[key] = measure()
            write_json(self._path, self._known)
        return dict(self._known[key])

    def _time_preparation(self) -> dict[str, float]:
        self._prepared()
        return {"case_s": float(np.mean(self._took))}

    def _with_all_columns(self) -> list[CaseInputs]:
        """Return the prepared cases with some value where none of these few has one: it takes as long as any other."""
        cases = self._prepared()
        unknown = [c for c in self._inputs.clinical if not any(is_known(case.columns.get(c.name)) for case in cases)]
        some = {c.name: 0.0 if c.kind == "continuous" else next(iter(c.levels), "any") for c in unknown}
        return [replace(case, columns={**case.columns, **some}) for case in cases]

    def _prepared(self) -> list[CaseInputs]:
        """Return a few prepared cases of either class."""
        cohort, reason = self._cohort, ""
        rows = cohort.usable.groupby("label", group_keys=False).head(2 * _SAMPLE_CASES)
        for row in records(rows) if not self._cases else ():
            if len(self._cases) == _SAMPLE_CASES:
                break
            start = time.perf_counter()
            try:
                self._cases.append(prepare(load_case(row, cohort.folder, cohort.clinical_columns), self._inputs))
                self._took.append(time.perf_counter() - start)
            except Exception as error:  # as in the run itself, a broken case is left out
                reason = reason_of(error)
        if not self._cases:
            raise InputError(f"None of the first cases can be prepared, so that nothing can be measured. {reason}")
        return self._cases
