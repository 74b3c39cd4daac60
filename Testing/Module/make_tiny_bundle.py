"""Makes two tiny untrained bundles in a folder: `demo` (of phantoms) and `patient` (says it was trained on patients).

Random weights, scalers fitted to a phantom give or take a tenth: good for testing the way of a reading, not its truth.
A program of its own, because a process that renders with VTK must not import torch.
"""

from __future__ import annotations

import sys
from pathlib import Path

from BreastFusionLib.phantom import make_exam
from BreastFusionLib.reading import Calibration, Case
from BreastFusionLib.service.second_opinion import RECIPE, write_untrained_bundle

# Fewer features than there might be, and the product's own phase.
RADIOMICS = {
    "intensity": {"method": "robust"},
    "settings": {"setting": {"binWidth": 0.1}, "featureClass": {"shape": [], "firstorder": []}},
}
TINY = {**RECIPE, "name": "tiny", "inputs": {**RECIPE["inputs"], "dce_phase": 2, "radiomics": RADIOMICS}}


def main(folder: Path) -> None:
    """Write both bundles."""
    phantom = make_exam(2, 1, small=True)
    case = Case(phantom.exam, phantom.lesion)
    facts = {
        "calibration": Calibration("platt", 0.8, -0.1, {"kinetics": (2.0, 0.5)}),
        "metrics": {"auc": {"value": 0.9, "low": 0.8, "high": 1.0}, "n": 12},
    }
    write_untrained_bundle(folder / "demo", case, TINY, **facts)
    write_untrained_bundle(folder / "patient", case, TINY, synthetic=False, name="tiny-patient", **facts)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
