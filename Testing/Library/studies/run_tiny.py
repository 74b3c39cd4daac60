"""`breastfusion study tiny` on drawn inputs as a program of its own, which starts itself again for each process.

run_tiny.py FOLDER_OF_RECIPES bundle|checkpoint --cohort breasts.csv --out study/ --devices 2

Of the model 'columns', the first process cannot write the bundle, or no checkpoint for want of space.
"""

import errno
import sys
from pathlib import Path

import conftest
from lightning.pytorch.plugins.io import TorchCheckpointIO

from BreastFusionLib.cli.app import app
from BreastFusionLib.cohort import inputs
from BreastFusionLib.studies import plan
from BreastFusionLib.training import finish

if __name__ == "__main__":
    plan.STUDIES["tiny"] = conftest._tiny_study(Path(sys.argv[1]))
    inputs.prepare_to_cache = conftest._prepare_drawn
    write_model = finish.write_model

    def cannot_write_columns(run, recipe, *rest):
        if recipe.name == "columns":
            raise RuntimeError("the disk is gone")
        write_model(run, recipe, *rest)

    save_checkpoint = TorchCheckpointIO.save_checkpoint

    def no_space_for_columns(self, checkpoint, path, *rest, **more):
        if "columns" in Path(path).parts:
            raise OSError(errno.ENOSPC, "No space left on device")
        save_checkpoint(self, checkpoint, path, *rest, **more)

    if sys.argv[2] == "bundle":
        finish.write_model = cannot_write_columns
    else:
        TorchCheckpointIO.save_checkpoint = no_space_for_columns
    app(["study", "tiny", *sys.argv[3:]])
