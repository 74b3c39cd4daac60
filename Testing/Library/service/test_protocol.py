"""Lines that the two processes exchange."""

import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest

from BreastFusionLib.errors import InputError
from BreastFusionLib.service import protocol

pytestmark = pytest.mark.fast


def test_a_message_is_one_line_of_ascii_and_reads_back():
    message = {"text": "Läsion\n\u2028 1", "value": np.float64(0.1), "undefined": math.nan, "list": (1, 2)}
    line = protocol.encode(message)
    assert line.count(b"\n") == 1 and line.endswith(b"\n") and line.isascii()
    assert protocol.decode(line) == {"text": "Läsion\n\u2028 1", "value": 0.1, "undefined": None, "list": [1, 2]}


def test_every_digit_arrives():
    value = 0.1 + 0.2
    assert protocol.decode(protocol.encode({"value": value}))["value"] == value


@pytest.mark.parametrize("line", [b"{", b"", b"[1]", b"7", b"\xff\xfe", b"[" * 100_000])
def test_a_broken_line_is_refused_in_words(line):
    with pytest.raises(InputError, match="JSON"):
        protocol.decode(line)


def test_a_request_says_what_to_do():
    found = protocol.request({"id": 7, "do": "read", "case": "a", "out": "b"})
    assert (found.number, found.action, found.arguments) == (7, "read", {"case": "a", "out": "b"})
    with pytest.raises(InputError, match="does not say what to do"):
        protocol.request({"id": 7})


def test_events_are_those_of_the_contract():
    assert protocol.ready({"torch": "2"}) == {"event": "ready", "versions": {"torch": "2"}, "pid": os.getpid()}
    assert set(protocol.progress(1, "score", 0.5, "words")) == {"id", "event", "stage", "fraction", "text"}
    assert protocol.finished(1, {"a": 1}) == {"id": 1, "event": "finished", "result": {"a": 1}}
    assert set(protocol.error(1, "input", "words")) == {"id", "event", "kind", "text", "details"}
    assert json.loads(protocol.encode(protocol.error(None, "input", "words")))["id"] is None


@pytest.mark.parametrize("module", ["protocol", "transfer"])
def test_what_the_application_imports_loads_nothing_heavy(module):
    heavy = ("torch", "radiomics", "pydicom", "matplotlib", "pandas", "scipy.ndimage")
    program = f"import sys, BreastFusionLib.service.{module}; print(*(name for name in {heavy} if name in sys.modules))"
    found = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert found.stdout.split() == []
