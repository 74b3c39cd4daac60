"""Makes tiny untrained bundles: `demo` (of phantoms), `patient` (says it knows patients), `clinical` (with columns),
`breast` (whole breasts, whose indication may give the answer away).

Random weights, scalers fitted to a phantom give or take a tenth: good for testing the way of a reading, not its truth.
A program of its own, because a process that renders with VTK must not import torch.
"""

from __future__ import annotations

import sys
from dataclasses import replace
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

# Every kind of column, one that the exam tells itself, and a rule that wants one more.
INDICATIONS = ("screening", "other", "diagnostic")
COLUMNS = [
    {"name": "age", "title": "Age", "unit": "years", "low": 18, "high": 100, "missing": ["999"]},
    {"name": "lifetime_risk_percent", "title": "Lifetime risk", "unit": "%", "low": 0, "high": 100},
    {"name": "indication", "title": "Indication", "kind": "categorical", "levels": INDICATIONS},
    {"name": "breast_density", "title": "Breast density", "kind": "ordinal", "levels": ["a", "b", "c", "d"]},
    {"name": "slice_spacing_mm", "title": "Slice spacing", "unit": "mm", "origin": "exam"},
]
RULE = {
    **{"step": "replace_at_random", "column": "indication", "value": "diagnostic"},
    **{"where": "birads", "where_values": ["6"]},
}
OF_IMAGES = {**RECIPE["inputs"], "sequences": ["dce"], "dce_phase": 2, "radiomics": None}
CLINICAL = {
    **{**RECIPE, "name": "tiny-clinical"},
    "inputs": {**OF_IMAGES, "clinical": COLUMNS, "clinical_rules": [RULE]},
}

# As holste2021's recipes have it.
OBSCURED = {
    **{"step": "replace_at_random", "column": "indication", "value": "extent_of_disease"},
    **{"where": "bi_rads", "where_values": ["6"]},
}
OF_INDICATION = {"name": "indication", "kind": "categorical"}
BREAST = {
    **{**RECIPE, "name": "tiny-breast", "task": {"unit": "breast"}},
    "inputs": {
        **{"patch": None, "projection": {"size_px": 32}},
        "clinical": [{**OF_INDICATION, "levels": ["other", "screening", "diagnostic", "extent_of_disease"]}],
        "clinical_rules": [OBSCURED],
    },
}


def main(folder: Path) -> None:
    """Write the bundles."""
    phantom = make_exam(2, 1, small=True)
    case = Case(phantom.exam, phantom.lesion, clinical={**phantom.clinical, "breast_density": "b"})
    facts = {
        "calibration": Calibration("platt", 0.8, -0.1, {"kinetics": (2.0, 0.5)}),
        "metrics": {"auc": {"value": 0.9, "low": 0.8, "high": 1.0}, "n": 12},
    }
    write_untrained_bundle(folder / "demo", case, TINY, **facts)
    write_untrained_bundle(folder / "patient", case, TINY, synthetic=False, name="tiny-patient", **facts)
    write_untrained_bundle(folder / "clinical", case, CLINICAL, **facts)
    write_untrained_bundle(folder / "breast", replace(case, clinical={"indication": "screening"}), BREAST, **facts)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
