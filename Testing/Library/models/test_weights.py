from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from BreastFusionLib.errors import InputError
from BreastFusionLib.models import load_state, read_weights, write_weights


def small() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_come_back_as_they_were_whatever_the_memory_layout(tmp_path: Path, suffix: str) -> None:
    module = small().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save(module.state_dict(), path)
    else:
        assert write_weights(module.state_dict(), path) == path
    other = small()
    load_state(other, read_weights(path), str(path))
    for name, tensor in module.state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor)


def test_weights_of_another_network_are_refused_and_the_difference_is_named() -> None:
    state = small().state_dict()
    state["0.weight"] = torch.zeros(4, 1, 3, 3)
    state["fc.weight"] = torch.zeros(2)
    del state["1.bias"]
    with pytest.raises(InputError) as caught:
        load_state(small(), state, "mine.safetensors")
    message = str(caught.value)
    assert message.startswith("mine.safetensors holds weights of another network: ")
    assert "1 missing (1.bias)" in message
    assert "1 unexpected (fc.weight)" in message
    assert "1 of another shape (0.weight is 4x1x3x3, not 4x3x3x3)" in message


def test_of_many_differences_the_first_three_are_named() -> None:
    with pytest.raises(InputError, match=r"6 missing \(0\.weight, 0\.bias, 1\.weight and 3 more\)"):
        load_state(small(), {}, "empty.pth")


def test_files_from_before_batch_counters_are_taken() -> None:
    state = {name: tensor for name, tensor in small().state_dict().items() if "num_batches" not in name}
    module = small()
    load_state(module, state, "old.pth")
    assert torch.equal(module.state_dict()["0.weight"], state["0.weight"])


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_damaged_file_is_refused_with_what_to_do(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    torch.save(small().state_dict(), path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match="Fetch it again"):
        read_weights(path)


def test_an_absent_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such weights file"):
        read_weights(tmp_path / "weights.safetensors")


class Surprise:
    def __reduce__(self) -> tuple:
        return Path.touch, (Path("executed"),)


def test_nothing_in_a_file_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": Surprise()}, "weights.pth")
    with pytest.raises(InputError, match="more than tensors"):
        read_weights("weights.pth")
    assert not Path("executed").exists()


def test_a_checkpoint_instead_of_a_state_dict_is_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": small().state_dict(), "epoch": 3}, tmp_path / "checkpoint.pt")
    with pytest.raises(InputError, match="bare state_dict"):
        read_weights(tmp_path / "checkpoint.pt")
