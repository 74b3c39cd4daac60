"""A reading, as the tests of the bridge keep it in the scene."""

from __future__ import annotations

import slicer

FEATURES = [
    {
        "source": "radiomics",
        "name": "dce_shape_Sphericity",
        "value": 0.1 + 0.2,
        "reference_range": [0.41, 0.93],
        "training_percentile": 12.345,
        "class_percentiles": {"benign": 7.0, "malignant": 55.5},
        "contribution": -0.2,
    },
    {
        "source": "kinetics",
        "name": "ser",
        "value": None,
        "reference_range": [None, None],
        "training_percentile": None,
        "class_percentiles": {"benign": None, "malignant": None},
        "contribution": 0.0,
    },
]


PHASES = [
    {"time_s": 0.0, "mean": 100.0, "percent": 0.0},
    {"time_s": 90.0, "mean": 300.0, "percent": 200.0},
    {"time_s": 180.0, "mean": 270.0, "percent": 170.0},
    {"time_s": 360.0, "mean": 240.0, "percent": 140.0},
]


KINETICS = {"phases": PHASES, "initial_percent": 200.0, "delayed_percent": -20.0, "curve": "wash-out"}


WORDS = 'Läsion "1"\tgröß er\nals 3 mm | a:b; {c}'


def make_reading() -> dict:
    maps = [
        ("dce", "gradcam", "map_dce_gradcam"),
        ("dce", "gradcam++", "map_dce_gradcampp"),
        ("t1", "gradcam++", "map_t1_gradcampp"),
    ]
    return {
        "schema": "breastfusion.reading/1",
        "probability": 0.1 + 0.7,
        "tiny": 5e-324,
        "statement": WORDS,
        "kinetics": KINETICS,
        "features": FEATURES,
        "maps": [{"sequence": s, "method": m, "file": f"{f}.nii.gz", "cell_size_mm": [8.0, 8.0]} for s, m, f in maps],
    }


def belonging(segment_id: str) -> list:
    return [
        n for n in slicer.util.getNodesByClass("vtkMRMLNode") if n.GetAttribute("BreastFusion.lesion") == segment_id
    ]
