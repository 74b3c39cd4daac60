"""`breastfusion study tiny` on drawn inputs as a program of its own, which starts itself again for each process.

run_tiny.py FOLDER_OF_RECIPES --cohort breasts.csv --out study/ --devices 2

The model 'columns' is fitted, but its first process cannot finish it.
"""

import sys
from pathlib import Path

import conftest

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

    finish.write_model = cannot_write_columns
    app(["study", "tiny", *sys.argv[2:]])
