"""Errors become a kind, a sentence and lines that name no patient."""

import pytest

from BreastFusionLib.errors import InputError, MemoryShortage
from BreastFusionLib.service.failures import describe

pytestmark = pytest.mark.fast


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:
        return caught


class OutOfMemoryError(RuntimeError):
    """Named as PyTorch's own, which needs a graphics card to be raised."""


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (InputError("Draw the lesion first."), "input", "Draw the lesion first."),
        (MemoryShortage("Too small. Choose the device 'cpu'."), "memory", "Choose the device 'cpu'"),
        (OutOfMemoryError("Tried to allocate 20.00 MiB"), "memory", "too small: 20.00 MiB more were needed. Close"),
        (OutOfMemoryError("Tried to allocate 20.00 MiB"), "memory", "choose the device 'cpu'"),
        (MemoryError("Unable to allocate 3.00 GiB"), "memory", "computer's memory is too small: 3.00 GiB more"),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: tried to allocate 9437184 bytes"),
            "memory",
            ": 9 MiB more",
        ),
        (RuntimeError("ITK ERROR: Failed to allocate memory for image."), "memory", "memory is too small. Close other"),
        (KeyError("dce"), "internal", "KeyError: 'dce'"),
    ],
)
def test_kind_and_sentence(error, kind, words):
    found = describe(raised(error), {})
    assert found[0] == kind
    assert words in found[1]
    assert bool(found[2]) == (kind == "internal")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ModuleNotFoundError("No module named 'torch'", name="torch"), "package 'torch' cannot be imported (No module"),
        (ImportError("DLL load failed while importing _C", name="torch._C"), "package 'torch' cannot be imported (DLL"),
        (OSError(28, "No space left on device"), "The disk is full"),
        (OSError("65536 requested and 12288 written"), "The disk is full"),  # NumPy's words for it
    ],
)
def test_what_the_user_can_mend_is_a_sentence_and_still_in_the_log(error, words):
    kind, text, details = describe(raised(error), {})
    assert kind == "input"
    assert words in text and ("nstall it again" in text or "Free some disk space" in text)
    assert "test_failures.py, line" in details


def test_details_say_where_and_name_no_path():
    error = raised(OSError("cannot open /data/Meier, Anna/dicom/1.dcm or /exams/Huber/x"))
    kind, text, details = describe(error, {"folder": "/data/Meier, Anna", "exams": ["/exams/Huber"], "id": 7})
    assert kind == "internal"
    assert "test_failures.py, line" in details and "in raised: raise error" in details
    assert "OSError: cannot open <folder>/dicom/1.dcm or <exams>/x" in details
    assert not any(name in text + details for name in ("Meier", "Huber"))
