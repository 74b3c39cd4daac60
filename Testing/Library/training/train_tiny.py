"""Train the tiny recipe on drawn inputs as a program of its own, which tests start, kill, or let start itself again.

train_tiny.py COHORT.csv OUT '{"training": {..}, "model": {..}, "devices": 2, "kill_in": [epoch, batch]}'
train_tiny.py COHORT.csv OUT '{"command": ["cross-validate", "RECIPE.yaml", "--devices", "2"]}'
"""

import atexit
import json
import os
import signal
import sys

import conftest
import torch

from BreastFusionLib.cli.app import app
from BreastFusionLib.cohort import inputs, read_cohort
from BreastFusionLib.training import train
from BreastFusionLib.training.module import FusionModule


def kill_in(epoch: int, batch: int) -> None:
    """Let this process be killed in the middle of an epoch, as kill -9 or a power cut would."""
    step = FusionModule.training_step

    def last_step(self, data, batch_idx):
        step(self, data, batch_idx)
        if (self.current_epoch, batch_idx) == (epoch, batch):
            os.kill(os.getpid(), signal.SIGKILL)

    FusionModule.training_step = last_step


def tell_joined() -> None:
    """Tell a process that is still joined to others when all that it has registered for its end is done."""
    if torch.distributed.is_initialized():
        sys.stdout.write(f"process {torch.distributed.get_rank()} was never parted\n")


if __name__ == "__main__":
    atexit.register(tell_joined)
    cohort, out, settings = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    inputs.prepare_to_cache = conftest._prepare_drawn
    if "kill_in" in settings:
        kill_in(*settings["kill_in"])
    if "command" in settings:
        app([*settings["command"], "--cohort", cohort, "--out", out])
    written, replace = [], os.replace
    os.replace = lambda source, target: (written.append(str(target)), replace(source, target))
    recipe = conftest._tiny_recipe(settings.get("training"), settings.get("model"))
    train(recipe, read_cohort(cohort), out, device="cpu", devices=settings.get("devices", 1))
    if torch.distributed.is_initialized():
        number, count = torch.distributed.get_rank(), torch.distributed.get_world_size()
        wrote = "wrote" if any(name.startswith(out) for name in written) else "wrote nothing"
        sys.stdout.write(f"process {number} of {count}: {wrote}\n")  # at once: both processes end together
