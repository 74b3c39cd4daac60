"""The training benchmark runs, and what it counts as activations is what a network keeps for its backward pass."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

BENCHMARKS = Path(__file__).parents[2] / "Benchmarks"


def test_activations_are_counted_once_and_parameters_not(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    from training_memory import KeptForBackward

    network, images = nn.Linear(5, 7), torch.rand(3, 5)
    kept = KeptForBackward()
    for _ in range(2):
        kept.on_train_batch_start(None, network, None, 0)
        values = network(images)  # keeps its input
        loss = (values.sigmoid() * values).sum()  # keeps the sigmoid, for itself and for the product, and the values
        kept.on_before_backward(None, network, loss)
        loss.backward()
        kept.on_train_batch_end(None, network, None, None, 0)
    assert kept.most_bytes == 4 * (3 * 5 + 3 * 7 + 3 * 7)


def test_the_usual_changes_keep_the_size_of_an_image_and_can_be_drawn_again(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import numpy as np
    from training_usual import changed

    image = np.random.default_rng(0).random((24, 24), dtype=np.float32)
    found = [changed(image, np.random.default_rng(seed)) for seed in range(20)]
    assert all(one.shape == image.shape and one.dtype == np.float32 for one in found)
    assert len({one.tobytes() for one in found}) > 15
    np.testing.assert_array_equal(changed(image, np.random.default_rng(7)), found[7])


@pytest.mark.slow
def test_half_a_batch_keeps_half_the_activations_in_a_run_of_the_benchmark():
    command = [sys.executable, str(BENCHMARKS / "training.py"), "--quick", "--device", "cpu", "--workers", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    rows = dict(re.findall(r"^\| ([^|]*) \| ([\d.,]+)", done.stdout, re.MULTILINE))
    assert all(float(rows[name]) > 0 for name in rows)
    assert {"library, loading and augmentation", "usual loop, loading in the process"} <= set(rows)
    whole, portions, half = (float(re.match(r"[\d.]+", rows[name])[0]) for name in list(rows)[-3:])
    assert half == portions == pytest.approx(whole / 2, rel=0.02)
    assert "On a graphics card: not measured" in done.stdout
