"""What the tests of evaluations start from: tables on disk, and two models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a table: write(name, text) gives its path."""

    def written(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    return written


@pytest.fixture
def four_cases() -> str:
    """Return a predictions table of four cases of four patients."""
    return "case_id,patient_id,label,score\n007,A,1,0.9\n8,B,0,0.2\n9,C,1,0.6\n10,D,0,0.7\n"


@pytest.fixture
def three_classes() -> str:
    """Return a predictions table of two cases of each of three classes."""
    return (
        "case_id,label,score_normal,score_benign,score_malignant\n"
        "1,normal,.7,.2,.1\n"
        "2,normal,.5,.3,.2\n"
        "3,benign,.3,.4,.3\n"
        "4,benign,.2,.3,.5\n"
        "5,malignant,.1,.2,.7\n"
        "6,malignant,.2,.3,.5\n"
    )


@pytest.fixture
def two_models() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return 80 cases and the probabilities of a good and a fair model."""
    random = np.random.default_rng(0)
    labels = np.array([0, 1] * 40)
    return labels, {
        name: 1 / (1 + np.exp(-random.normal(size=80) - effect * (labels - 0.5)))
        for name, effect in (("a", 2), ("b", 1))
    }
