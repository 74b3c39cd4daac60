"""A run that was stopped, by Ctrl-C or a full disk, continues to the uninterrupted result."""

import errno
import os
import re
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lightning
import pytest

from BreastFusionLib.errors import InputError
from BreastFusionLib.training import data, train


@pytest.mark.parametrize("epoch", [1, 3])
def test_ctrl_c_keeps_what_is_done_and_a_second_call_gives_the_uninterrupted_result(
    cohort, tmp_path, model, epoch, tiny_recipe, stopping_at, same_result
):
    recipe = tiny_recipe(model=model)
    whole = train(recipe, cohort, tmp_path / "whole", device="cpu")
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, cohort, tmp_path / "cut", device="cpu", epoch_progress=stopping_at(epoch))
    assert signal.getsignal(signal.SIGINT) is handler
    seen = []
    run = train(recipe, cohort, tmp_path / "cut", device="cpu", epoch_progress=lambda *now: seen.append(now))
    assert seen == [(done, 4) for done in range(epoch + 1, 5)]
    assert same_result(run, whole)
    assert run.log.read_text() == whole.log.read_text()


def test_ctrl_c_that_comes_while_a_loader_ends_is_heard(cohort, tmp_path, tiny_recipe, monkeypatch):
    class InterruptedAtItsEnd(ThreadPoolExecutor):
        def shutdown(self, *rest, **more):
            super().shutdown(*rest, **more)
            raise KeyboardInterrupt

    monkeypatch.setattr(data, "ThreadPoolExecutor", InterruptedAtItsEnd)
    with pytest.raises(KeyboardInterrupt):
        train(tiny_recipe({"epochs": 1}), cohort, tmp_path / "run", device="cpu")


def test_a_full_disk_is_a_sentence_and_a_second_call_gives_the_uninterrupted_result(
    cohort, tmp_path, monkeypatch, tiny_recipe, same_result
):
    recipe = tiny_recipe()
    whole = train(recipe, cohort, tmp_path / "whole", device="cpu")
    saved = lightning.Trainer.save_checkpoint

    def full(self, path, *rest, **more):
        if self.current_epoch == 2:
            Path(path).write_bytes(b"half a checkpoint")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        saved(self, path, *rest, **more)

    monkeypatch.setattr(lightning.Trainer, "save_checkpoint", full)
    with pytest.raises(InputError, match=r"last\.ckpt could not be written: the disk is full \(\d+ MB free\)\. Free"):
        train(recipe, cohort, tmp_path / "cut", device="cpu")
    monkeypatch.setattr(lightning.Trainer, "save_checkpoint", saved)
    assert same_result(train(recipe, cohort, tmp_path / "cut", device="cpu"), whole)


@pytest.fixture
def files_of_at_most():
    """Let no file grow beyond a number of bytes, as `ulimit -f` does."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size or soft, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(("epoch", "file"), [(1, "log.csv"), (1, "last.ckpt"), (2, "weights.safetensors")])
def test_a_file_that_grows_beyond_its_limit_is_named_and_nothing_written_before_is_lost(
    cohort, tmp_path, tiny_recipe, files_of_at_most, epoch, file, same_result
):
    recipe, run = tiny_recipe({"epochs": 2}), tmp_path / "run"
    whole = train(recipe, cohort, tmp_path / "whole", device="cpu")
    weights = (whole.bundle / "weights.safetensors").stat().st_size
    # A checkpoint also holds what the optimiser remembers of each weight.
    sizes = {
        "log.csv": whole.log.stat().st_size - 1,
        "last.ckpt": int(1.5 * weights),
        "weights.safetensors": weights - 1,
    }

    def limited(done, _):
        if done == epoch:
            files_of_at_most(sizes[file])

    with pytest.raises(
        InputError, match=r"could not be written: files may not be that large.*nothing that was"
    ) as said:
        train(recipe, cohort, run, device="cpu", epoch_progress=limited)
    files_of_at_most(None)
    assert re.match(rf"{run}/.*{file} could", str(said.value))
    assert same_result(train(recipe, cohort, run, device="cpu"), whole)


def test_a_finished_run_keeps_no_checkpoint_and_is_returned_as_it_is(cohort, tmp_path, tiny_recipe, without_curves):
    recipe = tiny_recipe({"epochs": 2})
    run = train(recipe, cohort, tmp_path / "run", device="cpu")
    written = {path: path.stat().st_mtime_ns for path in run.folder.rglob("*") if path.parent.name == "bundle"}
    files = set(run.folder.rglob("*"))
    assert not {"checkpoints", "features"} & {path.name for path in files}
    told = []
    again = train(recipe, cohort, run.folder, device="cpu", epoch_progress=told.append)
    assert again == run and told == [] and set(run.folder.rglob("*")) == files
    assert {path: path.stat().st_mtime_ns for path in written} == written


@pytest.mark.parametrize("spec", [{}, {"epochs": 30, "patience": 1, "learning_rate": 0.1}], ids=["all epochs", "early"])
def test_a_run_stopped_between_fitting_and_bundle_is_finished_without_another_epoch(
    cohort, tmp_path, spec, tiny_recipe, weights
):
    recipe = tiny_recipe(spec)
    run = train(recipe, cohort, tmp_path / "run", device="cpu")
    before = run.log.read_text(), weights(run), run.predictions.read_text()
    shutil.rmtree(run.bundle)
    run.predictions.unlink()
    again = train(recipe, cohort, tmp_path / "run", device="cpu")
    assert (again.log.read_text(), weights(again), again.predictions.read_text()) == before
