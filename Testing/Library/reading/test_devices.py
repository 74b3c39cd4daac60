import pytest
import torch

from BreastFusionLib.errors import InputError
from BreastFusionLib.reading import choose_device, list_devices
from BreastFusionLib.reading import devices as module

pytestmark = pytest.mark.fast

CPU = {"name": "cpu", "usable": True, "reason": "2 threads"}
BROKEN = {"name": "cuda:0", "usable": False, "reason": "CUDA error: no kernel image is available"}
CARD = {"name": "cuda:1", "usable": True, "reason": "A Card"}


def test_the_list_starts_with_the_cpu_and_says_why_each_device_works_or_not():
    devices = list_devices()
    assert devices[0]["name"] == "cpu"
    assert devices[0]["usable"]
    assert len(devices) >= 2
    assert all(set(device) == {"name", "usable", "reason"} and device["reason"] for device in devices)
    assert any(device["usable"] for device in devices[1:]) <= torch.cuda.is_available()


def test_a_card_that_cannot_run_a_kernel_is_passed_over(monkeypatch):
    monkeypatch.setattr(module, "list_devices", lambda: [CPU, BROKEN, CARD])
    assert choose_device("auto") == ("cuda:1", "Runs on A Card.")
    assert choose_device("cuda")[0] == "cuda:1"
    assert choose_device("cpu") == ("cpu", "Runs on the CPU.")


def test_falling_back_to_the_cpu_is_never_silent(monkeypatch):
    monkeypatch.setattr(module, "list_devices", lambda: [CPU, BROKEN])
    name, sentence = choose_device("auto")
    assert name == "cpu"
    assert "no kernel image" in sentence
    with pytest.raises(InputError, match=r"No graphics card can be used \(cuda:0: .*no kernel image"):
        choose_device("cuda")


def test_an_unknown_device_is_refused():
    with pytest.raises(InputError, match="Unknown device 'gpu'"):
        choose_device("gpu")
