"""Workers of a small child that behaves as badly as a program can."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from BreastFusionPanel.process.worker import Worker


@pytest.fixture
def child() -> Path:
    """The program of the child."""
    return Path(__file__).with_name("bad_child.py")


@pytest.fixture
def make_worker(slicer_app, child):
    """Makes workers of the small child, and takes them down again."""
    made = []

    def make(*arguments: str, **options) -> Worker:
        made.append(Worker(python=sys.executable, program=(str(child), *arguments), **options))
        return made[-1]

    yield make
    for worker in made:
        worker.stop()


@pytest.fixture
def worker(make_worker):
    return make_worker()
