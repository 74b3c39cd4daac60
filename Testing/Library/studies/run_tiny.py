"""`breastfusion study tiny` on drawn inputs as a program of its own, which starts itself again for each process.

run_tiny.py FOLDER_OF_RECIPES bundle|checkpoint|settings --cohort breasts.csv --out study/ --devices 2

Of the model 'columns', the first process cannot write the bundle, or for want of space no checkpoint, or no settings.
"""

import errno
import sys
from pathlib import Path

import conftest
from lightning.pytorch.plugins.io import TorchCheckpointIO

from BreastFusionLib.cli.app import app
from BreastFusionLib.cohort import inputs
from BreastFusionLib.files import write_json
from BreastFusionLib.studies import plan
from BreastFusionLib.training import finish, run

if __name__ == "__main__":
    plan.STUDIES["tiny"] = conftest._tiny_study(Path(sys.argv[1]))
    inputs.prepare_to_cache = conftest._prepare_drawn
    write_model = finish.write_model

    def cannot_write_columns(folder, recipe, *rest):
        if recipe.name == "columns":
            raise RuntimeError("the disk is gone")
        write_model(folder, recipe, *rest)

    save_checkpoint = TorchCheckpointIO.save_checkpoint

    def refuse_columns(path):
        if "columns" in Path(path).parts:
            raise OSError(errno.ENOSPC, "No space left on device")

    if sys.argv[2] == "bundle":
        finish.write_model = cannot_write_columns
    elif sys.argv[2] == "checkpoint":
        TorchCheckpointIO.save_checkpoint = lambda self, state, path, *rest, **more: (
            refuse_columns(path),
            save_checkpoint(self, state, path, *rest, **more),
        )
    else:
        run.write_json = lambda path, content: (refuse_columns(path), write_json(path, content))
    app(["study", "tiny", *sys.argv[3:]])
