"""Lesions: from a mask in a file to a lesion with a side, its size, its place on T1 and T2, and its kinetics.

`read_lesion` reads and checks a mask (`read_mask` and `make_lesion` are its two halves), `measure` tells size and
place, `map_lesion` carries it to another sequence (`map_part` does so without masks of whole volumes; `edited_lesion`
is one that a person changed there), `measure_kinetics` reads its time-intensity curve, and `segment_from_seed`
outlines a lesion from one click.
"""

from BreastFusionLib.lesion.delineation import segment_from_seed
from BreastFusionLib.lesion.kinetics import KINETIC_FEATURES, KineticPhase, Kinetics, measure_kinetics
from BreastFusionLib.lesion.mapping import edited_lesion, map_lesion, map_part
from BreastFusionLib.lesion.masks import make_lesion, read_lesion, read_mask, shape_warnings
from BreastFusionLib.lesion.measure import Measurements, measure
from BreastFusionLib.lesion.model import Lesion, MappedLesion

__all__ = [
    "KINETIC_FEATURES",
    "KineticPhase",
    "Kinetics",
    "Lesion",
    "MappedLesion",
    "Measurements",
    "edited_lesion",
    "make_lesion",
    "map_lesion",
    "map_part",
    "measure",
    "measure_kinetics",
    "read_lesion",
    "read_mask",
    "segment_from_seed",
    "shape_warnings",
]
