"""Training over several processes: shares, sums, and the same result as in one."""

import json
import logging

import numpy as np
import pandas as pd
import pytest
import torch
import typer
from lightning.pytorch.utilities import rank_zero_only
from safetensors.torch import load_file

from BreastFusionLib.cli.study_commands import training_bars
from BreastFusionLib.errors import InputError
from BreastFusionLib.training import cross_validate, processes, train
from BreastFusionLib.training.processes import FirstFailed, Shares, add_gradients, gather, waiting_for_first
from BreastFusionLib.training.spec import TrainingSpec
from BreastFusionLib.training.trainer import Devices


class Rows:
    """Stands in for `Batches`: a batch that is its own rows."""

    def __getitem__(self, key):
        return {"rows of the batch": key[1]}


@pytest.mark.parametrize("count", [1, 2, 3])
def test_shares_of_a_batch_are_its_rows_each_once(count):
    shares = [Shares(Rows(), rank, count)[None, (4, 8, 1, 9, 7)] for rank in range(count)]
    assert sorted(row for share in shares for row in share["rows"].tolist()) == [1, 4, 7, 8, 9]
    assert all(share["cases"] == 5 for share in shares)
    assert all(tuple(share["rows"].tolist()) == share["rows of the batch"] for share in shares)


def test_a_process_without_a_validation_case_looks_at_the_first_one_again():
    assert Shares(Rows(), 2, 3)[None, (4, 8)]["rows"].tolist() == [4]


def test_alone_there_is_nothing_to_add_or_gather():
    layer = torch.nn.Linear(2, 1)
    layer(torch.ones(1, 2)).sum().backward()
    before = layer.weight.grad.clone()
    add_gradients(layer.parameters())
    assert torch.equal(layer.weight.grad, before)
    assert gather("this") == ["this"]


@pytest.fixture
def group():
    """A group of processes with this one as its only member."""
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def test_a_gradient_that_no_process_has_stays_absent(group):
    rests, learns = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    learns(torch.ones(1, 3)).sum().backward()
    expected = [parameter.grad.clone() for parameter in learns.parameters()]
    add_gradients([*rests.parameters(), *learns.parameters()])
    assert all(parameter.grad is None for parameter in rests.parameters())
    torch.testing.assert_close([parameter.grad for parameter in learns.parameters()], expected)


def test_a_program_of_several_processes_has_no_run_on_one_device(group):
    with pytest.raises(InputError, match="all of its runs need the same devices"):
        Devices("cpu")


def test_what_the_first_process_cannot_do_is_a_sentence_for_all(group, monkeypatch):
    with pytest.raises(InputError, match="Unexpected RuntimeError: the disk is gone") as told, waiting_for_first():
        raise RuntimeError("the disk is gone")
    assert not isinstance(told.value, FirstFailed)
    monkeypatch.setattr(processes, "gather", lambda own: ["The disk is gone.", own])  # the first one's, and this one's
    with pytest.raises(FirstFailed, match="The disk is gone"), waiting_for_first():
        pass


@pytest.mark.parametrize("stop", [FirstFailed("The disk is gone."), KeyboardInterrupt()])
def test_a_command_that_is_stopped_says_so_in_the_first_process_only(monkeypatch, stop):
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    with pytest.raises(typer.Exit) as ends, training_bars("cpu", 2, 1, 1, None, None):
        raise stop
    assert ends.value.exit_code == 1
    assert logging.root.manager.disable == 0  # whoever goes on in this process is heard
    monkeypatch.setattr(rank_zero_only, "rank", 0)
    with pytest.raises(KeyboardInterrupt), training_bars("cpu", 2, 1, 1, None, None):
        raise KeyboardInterrupt


def test_alone_what_fails_is_what_it_was():
    with pytest.raises(RuntimeError, match="the disk is gone"), waiting_for_first():
        raise RuntimeError("the disk is gone")


@pytest.mark.slow
def test_two_processes_train_what_one_does_and_the_first_one_writes(cohort, tmp_path, tiny_recipe, train_tiny):
    # 28 cases in 4 batches of 7, so that the shares are uneven; nothing is dropped, because processes drop different
    # things. Some cases lack a source.
    model = {"dropout": 0.0, "head": [], "source_dropout": 0.0}
    training = {"optimiser": "adam", "learning_rate": 0.003, "class_weights": "balanced", "micro_batch": 3}
    done = train_tiny(cohort, tmp_path / "two", threads=1, devices=2, training=training, model=model)
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == ["process 0 of 2: wrote", "process 1 of 2: wrote nothing"]
    one = train(tiny_recipe(training, model), cohort, tmp_path / "one", device="cpu")
    logs = [pd.read_csv(tmp_path / name / "log.csv") for name in ("one", "two")]
    pd.testing.assert_frame_equal(*logs, rtol=1e-4)
    weights = [load_file(tmp_path / name / "bundle" / "weights.safetensors") for name in ("one", "two")]
    for name in weights[0]:  # Adam turns the rounding of a gradient near zero into a part of its step, which is .003
        torch.testing.assert_close(weights[1][name], weights[0][name], rtol=1e-4, atol=1e-4)
    scores = [pd.read_csv(tmp_path / name / "predictions.csv")["score"] for name in ("one", "two")]
    np.testing.assert_allclose(*scores, atol=1e-5)
    assert json.loads((one.folder / "recipe.json").read_text()) == json.loads(
        (tmp_path / "two" / "recipe.json").read_text()
    )


@pytest.mark.slow
def test_two_processes_tune_and_cross_validate_as_one_does_and_tell_it_once(cohort, tmp_path, tiny_recipe, train_tiny):
    recipe = tiny_recipe({"epochs": 2, "optimiser": "adam"}, {"dropout": 0.0, "head": [], "source_dropout": 0.0})
    recipe = recipe.changed({"inputs.patch": None, "model.encoder": None})
    (tmp_path / "recipe.yaml").write_text(json.dumps(recipe.resolved()))
    tune = {"training.learning_rate": [1e30, 0.01]}  # the first diverges in both processes
    command = ["cross-validate", str(tmp_path / "recipe.yaml"), "--folds", "2", "--inner-folds", "2", "--json"]
    command += ["--tune", "training.learning_rate=1e30,0.01", "--device", "cpu", "--devices", "2"]
    done = train_tiny(cohort, tmp_path / "two", threads=1, command=command)
    assert done.returncode == 0, done.stderr
    one = cross_validate(recipe, cohort, tmp_path / "one", folds=2, tune=tune, inner_folds=2, device="cpu")
    assert json.loads(done.stdout)["pooled_auc"] == pytest.approx(one.pooled_auc, abs=1e-6)
    scores = [pd.read_csv(tmp_path / name / "predictions.csv")["score"] for name in ("one", "two")]
    np.testing.assert_allclose(*scores, atol=1e-5)
    chosen = [pd.read_csv(tmp_path / name / "chosen.csv") for name in ("one", "two")]
    pd.testing.assert_frame_equal(*chosen, rtol=1e-4)


def test_more_processes_than_cases_in_a_batch_are_refused():
    Devices("cpu", count=2, nodes=2).require_enough(range(28), TrainingSpec(batch_size=8))
    with pytest.raises(InputError, match="8 processes cannot share batches of 7 cases"):
        Devices("cpu", count=4, nodes=2).require_enough(range(28), TrainingSpec(batch_size=8))


@pytest.mark.parametrize(
    ("rank", "node", "count", "nodes", "writes"),
    [(0, 0, 2, 1, True), (1, 0, 2, 1, False), (0, 1, 1, 2, False), (0, 0, 1, 2, True), (3, 1, 1, 1, True)],
    ids=[
        "first",
        "second",
        "first of the second machine",
        "first of the first machine",
        "alone, whatever SLURM calls it",
    ],
)
def test_the_first_of_all_processes_writes(monkeypatch, rank, node, count, nodes, writes):
    monkeypatch.setattr(rank_zero_only, "rank", rank)
    monkeypatch.setenv("NODE_RANK", str(node))
    assert Devices("cpu", count, nodes).writes is writes


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"strategy": "dpp"}, "no strategy 'dpp'. Did you mean 'ddp'"),
        ({"count": 0}, "At least one device"),
        ({"name": "cuda:0", "count": 99}, "99 graphics cards were asked for, this machine has"),
    ],
)
def test_devices_that_there_are_not_are_told(given, words):
    with pytest.raises(InputError, match=words):
        Devices(**{"name": "cpu", **given})
