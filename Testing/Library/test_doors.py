"""Coming in is cheap: a room loads heavy packages when they are used, not when it is imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.fast

HEAVY = ("pydicom", "radiomics", "scipy.ndimage", "scipy.optimize", "scipy.spatial", "scipy.stats", "torch")


@pytest.mark.parametrize("room", ["exam", "lesion", "features", "images", "phantom", "models", "reading", "service"])
def test_importing_a_room_of_the_ground_floor_loads_nothing_heavy(room: str) -> None:
    program = f"import sys, BreastFusionLib.{room}; print(*(name for name in {HEAVY} if name in sys.modules))"
    found = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert found.stdout.split() == []
