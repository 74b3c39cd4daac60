"""What the tests of section 1 start from."""

from __future__ import annotations

import pytest
from BreastFusionPanel.bridge.exam_nodes import add_exam
from bridge_parts import make_exam
from exam_parts import Opened


@pytest.fixture
def exam(scene):
    """The section with an empty study."""
    opened = Opened()
    yield opened
    opened.close()


@pytest.fixture
def loaded(exam):
    """The section with three phases at 0, 97.25 and 191.9 s and T1, no T2."""
    list(add_exam(make_exam(), exam.parameters))
    exam.changes = 0
    return exam
