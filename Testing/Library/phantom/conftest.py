"""Small phantom exams, made once."""

from __future__ import annotations

import pytest

from BreastFusionLib.phantom import PhantomExam, make_exam


@pytest.fixture(scope="session")
def phantoms() -> list[PhantomExam]:
    """Exams 1 to 24 of population 11, small."""
    return [make_exam(11, number, small=True) for number in range(1, 25)]
