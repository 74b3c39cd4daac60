"""reading: one case becomes a reading: prepare, score and explain with a bundle.

`prepare` measures what a model sees, `score.score` gives calibrated probabilities, `explain.explain` the evidence;
`Reader` is the three together, and training and evaluation use the same first two. The modules `score` and
`explain` import PyTorch and are therefore not imported here.
"""

from BreastFusionLib.reading.batch import read_many
from BreastFusionLib.reading.bundle import Bundle, BundleHeader, load_bundle, read_bundle_header, write_bundle
from BreastFusionLib.reading.cache import SavedInputs, inputs_key, load_inputs, save_inputs
from BreastFusionLib.reading.calibration import Calibration
from BreastFusionLib.reading.clinical import clinical_columns
from BreastFusionLib.reading.clinical_encoder import ClinicalEncoder
from BreastFusionLib.reading.devices import choose_device, list_devices
from BreastFusionLib.reading.metadata import BundleMetadata, TrainingContext, TrainingRecord
from BreastFusionLib.reading.model import Case, CaseInputs, Evidence, Scores
from BreastFusionLib.reading.portion import Portion, cut_case
from BreastFusionLib.reading.prepare import prepare
from BreastFusionLib.reading.reader import Reader, Reading
from BreastFusionLib.reading.recipe import (
    ColumnSpec,
    InputsSpec,
    RadiomicsSpec,
    ReadingRecipe,
    RuleSpec,
    TaskSpec,
    TestTimeSpec,
)
from BreastFusionLib.reading.scaler import Scaler
from BreastFusionLib.reading.scalers import fit_scalers
from BreastFusionLib.reading.stability import outline_range
from BreastFusionLib.reading.vectors import vector_names

__all__ = [
    "Bundle",
    "BundleHeader",
    "BundleMetadata",
    "Calibration",
    "Case",
    "CaseInputs",
    "ClinicalEncoder",
    "ColumnSpec",
    "Evidence",
    "InputsSpec",
    "Portion",
    "RadiomicsSpec",
    "Reader",
    "Reading",
    "ReadingRecipe",
    "RuleSpec",
    "SavedInputs",
    "Scaler",
    "Scores",
    "TaskSpec",
    "TestTimeSpec",
    "TrainingContext",
    "TrainingRecord",
    "choose_device",
    "clinical_columns",
    "cut_case",
    "fit_scalers",
    "inputs_key",
    "list_devices",
    "load_bundle",
    "load_inputs",
    "outline_range",
    "prepare",
    "read_bundle_header",
    "read_many",
    "save_inputs",
    "vector_names",
    "write_bundle",
]
