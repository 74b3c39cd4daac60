from __future__ import annotations

import subprocess
import sys

import pytest

import BreastFusionLib.models


def test_the_door_opens_without_torch() -> None:
    code = "import sys, BreastFusionLib.models, BreastFusionLib.images; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_name_on_the_door_is_there() -> None:
    names = set(BreastFusionLib.models.__all__)
    assert {name for name in names if callable(getattr(BreastFusionLib.models, name))} == names - {"ENCODERS"}
    with pytest.raises(AttributeError, match="nothing"):
        _ = BreastFusionLib.models.nothing
