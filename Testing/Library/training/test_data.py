"""Batches of a run: drawn from (seed, epoch) alone, augmented case by case, fetched ahead without a difference."""

import threading

import numpy as np
import pytest
import torch

from BreastFusionLib.images.augment import apply_augmentation, draw_augmentation, stack
from BreastFusionLib.reading.cache import load_inputs, save_inputs
from BreastFusionLib.reading.scalers import fit_scalers
from BreastFusionLib.reading.score import batch_tensors
from BreastFusionLib.training.data import Batches, CaseTensors, EpochBatches, augmented, fetched_ahead, loader

NAMES = [f"c{number:02d}" for number in range(12)]
LABELS = np.arange(12) % 2
EVERYTHING = {
    "rotation_degrees": 20,
    "scale_percent": 20,
    "elastic_percent": 3,
    "contrast_percent": 20,
    "blur_px": 1,
    "photometric": 1,
}


@pytest.fixture
def recipe(tiny_recipe):
    return tiny_recipe({"augmentation": EVERYTHING, "replays": 0})


@pytest.fixture
def saved(tmp_path, draw_inputs):
    paths = [
        save_inputs(draw_inputs(name, 40.0 + number), tmp_path / "cache" / f"{name}.safetensors")
        for number, name in enumerate(NAMES)
    ]
    return paths, [load_inputs(path) for path in paths]


@pytest.fixture
def scalers(saved, recipe):
    return fit_scalers(saved[1], LABELS, recipe.inputs, 2)


@pytest.fixture
def batches(saved, recipe, scalers):
    return Batches(CaseTensors(saved[0], NAMES, LABELS, scalers, recipe.reading), recipe.training, None)


def same(first, second) -> bool:
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return list(first) == list(second) and all(same(first[name], second[name]) for name in first)
    if isinstance(first, (tuple, list)):
        return all(same(*pair) for pair in zip(first, second, strict=True))
    return first == second


def test_a_batch_is_what_a_reading_makes_of_the_same_cases(batches, saved, scalers, recipe):
    rows = (7, 2, 9)
    images, vectors, present = batch_tensors([saved[1][row] for row in rows], scalers, recipe.reading)
    batch = batches[None, rows]
    assert same(
        {name: batch[name] for name in ("images", "vectors", "present")},
        {"images": images, "vectors": vectors, "present": present},
    )
    assert batch["labels"].tolist() == [1, 0, 1]
    assert augmented(batch) == batch


def test_all_sources_of_a_case_change_as_its_name_says_in_whatever_batch_it_is(batches, recipe):
    spec = recipe.training
    alone = augmented(batches[3, (4,)])
    together = augmented(batches[3, (8, 4, 1)])
    drawn = stack([draw_augmentation(spec.augmentation, spec.seed, 3, "c04")])
    for source in ("dce", "t1"):
        expected = apply_augmentation(batches.images([4])[source], drawn)
        torch.testing.assert_close(alone["images"][source], expected)
        torch.testing.assert_close(together["images"][source][[1]], expected)
        assert not torch.allclose(augmented(batches[4, (4,)])["images"][source], expected, atol=0.1)


def test_fetching_ahead_changes_nothing_and_happens_beside_the_caller(batches, recipe):
    found = list(loader(batches, range(12), recipe.training, shuffled=True))
    keys = list(EpochBatches(range(12), recipe.training, shuffled=True))
    assert len(found) == len(keys) == 2
    assert all(same(batch, batches[key]) for batch, key in zip(found, keys, strict=True))

    threads = []

    class Watched(torch.utils.data.Dataset):
        def __getitem__(self, key):
            threads.append(threading.current_thread())
            return {"key": key}

    ahead = iter(fetched_ahead(Watched(), range(10)))
    assert next(ahead)["key"] == 0
    assert threading.main_thread() not in threads
    ahead.close()  # as when training stops in the middle of an epoch
    assert not any(thread.is_alive() for thread in threads)
    assert len(threads) <= 4


def test_what_goes_wrong_while_fetching_is_raised_where_the_batch_is_wanted():
    class Broken(torch.utils.data.Dataset):
        def __getitem__(self, key):
            if key == 2:
                raise ValueError("the third")
            return {"key": key}

    ahead = iter(fetched_ahead(Broken(), range(5)))
    assert [next(ahead)["key"] for _ in range(2)] == [0, 1]
    with pytest.raises(ValueError, match="the third"):
        next(ahead)


def test_an_epoch_is_drawn_from_seed_and_epoch_and_divides_evenly(recipe):
    def epoch(number: int, seed: int = 0) -> list:
        sampler = EpochBatches(range(20), recipe.training.model_copy(update={"seed": seed}), shuffled=True)
        sampler.set_epoch(number)
        return list(sampler)

    assert epoch(1) == epoch(1)
    assert epoch(1) != epoch(2) != epoch(2, seed=1)
    assert [len(rows) for _, rows in epoch(1)] == [7, 7, 6]
    assert sorted(row for _, rows in epoch(1) for row in rows) == list(range(20))
    assert {replay for replay, _ in epoch(5)} == {5}


def test_vectors_are_read_without_pixels(saved, scalers, recipe, monkeypatch):
    from BreastFusionLib.reading import cache

    monkeypatch.setattr(cache._PatchesOnDisk, "__getitem__", lambda *_: pytest.fail("pixels were read"))
    cases = CaseTensors(saved[0], NAMES, LABELS, scalers, recipe.reading)
    assert cases.present["t1"].tolist() == [number % 7 != 0 for number in range(12)]
    assert not (saved[0][0].parent / "packed").exists()
