"""The command run as a user runs it, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def breastfusion() -> Command:
    """Run the command and check how it ended: `code` is what it must end with."""

    def run(*arguments: object, code: int = 0, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-c", "from BreastFusionLib.cli import main; main()", *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=cwd,
            env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"},
            check=False,
        )
        assert done.returncode == code, f"ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        if code:
            assert "Traceback" not in done.stderr
        return done

    return run


@pytest.fixture(scope="session")
def as_json(breastfusion: Command) -> Callable[..., dict]:
    """Run a command with --json; stdout must be one JSON object and nothing else."""
    return lambda *arguments: json.loads(breastfusion(*arguments, "--json").stdout)


@pytest.fixture(scope="session")
def cohort(breastfusion: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantoms")
    breastfusion("phantom", folder, "--exams", 24, "--seed", 3, "--small")
    return folder / "cohort.csv"


@pytest.fixture(scope="session")
def run(breastfusion: Command, cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "demo"
    breastfusion("train", "demo", "--cohort", cohort, "--out", folder, "--set", "training.epochs=3")
    return folder


@pytest.fixture(scope="session")
def first_exam(cohort: Path) -> Path:
    return cohort.parent / pd.read_csv(cohort)["exam"][0]


@pytest.fixture(scope="session")
def first_lesion(cohort: Path) -> Path:
    return cohort.parent / pd.read_csv(cohort)["lesion"][0]
