"""What goes into a reading and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import SimpleITK as sitk

from BreastFusionLib.exam.model import Exam, Side
from BreastFusionLib.images.patches import Patch
from BreastFusionLib.lesion.kinetics import Kinetics
from BreastFusionLib.lesion.measure import Measurements
from BreastFusionLib.lesion.model import Lesion, MappedLesion

__all__ = ["Case", "CaseInputs", "Evidence", "Scores"]


@dataclass(frozen=True)
class Case:
    """What is classified: a lesion of an exam, or a whole breast, with its row of clinical columns.

    Attributes:
        exam: the exam.
        lesion: on the grid of its DCE series; None where the model needs no outline (`InputsSpec.needs_lesion`).
        case_id: a name without patient data.
        clinical: column -> value.
        mapped: sequence ('t1', 't2') -> the lesion there, where a reader refined or edited it: it is taken instead of
            mapping the lesion as the recipe says, and the reading says so.
        dce_phase: the phase that the reader chose instead of the recipe's; None: the recipe's.
        side: of a whole breast; None: the lesion's.
        drawn_from: what the recipe's rules draw from: the case's name in its cohort, or what was found out of the
            whole exam before it was cut; None: see `draws.drawn_from`.
    """

    exam: Exam
    lesion: Lesion | None
    case_id: str = "case"
    clinical: Mapping[str, Any] = field(default_factory=dict)
    mapped: Mapping[str, MappedLesion] = field(default_factory=dict)
    dce_phase: int | None = None
    side: Side | None = None
    drawn_from: str | None = None

    @property
    def breast_side(self) -> Side:
        """The breast that the case is about: the given side, else the lesion's; 'unknown' without either."""
        if self.side is not None:
            return self.side
        return self.lesion.side if self.lesion is not None else "unknown"


@dataclass(frozen=True)
class CaseInputs:
    """A case prepared for a model: raw numbers, standardised only by `score`.

    Attributes:
        case_id: the case's name.
        patches: image source (a sequence, or 'mip') -> patch; a missing sequence is absent.
        vectors: measured source ('radiomics', 'kinetics') -> feature name -> value; NaN where undefined; a source
            always has all its names in their fixed order.
        lesion: measurements on the DCE grid; None for a breast without an outlined lesion.
        mapped: sequence -> the lesion on that sequence; empty likewise.
        kinetics: of the lesion, or None when there is none or the DCE series cannot give them.
        context: what the model's training is compared with: 'contrast' (sequence -> pre/post/unknown), 'spacing_mm'
            (sequence -> 3 numbers), 'field_strength_t', 'synthetic'.
        warnings: sentences.
        seconds: time spent by stage.
        columns: clinical column (of the recipe) -> its raw value: a number, or a level's word; None where missing.
    """

    case_id: str
    patches: Mapping[str, Patch]
    vectors: Mapping[str, Mapping[str, float]]
    lesion: Measurements | None
    mapped: Mapping[str, MappedLesion]
    kinetics: Kinetics | None
    context: Mapping[str, Any]
    warnings: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    columns: Mapping[str, float | str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Scores:
    """What the model says of a case.

    Attributes:
        probability: calibrated probability of the positive class (0..1).
        logit: log-odds before calibration.
        parts: source -> calibrated probability of that source alone; empty without auxiliary heads.
        sources_used: sources that were really there.
        sources_missing: sources that were not: the model used their neutral values, or in gated fusion no weight.
        weights: source -> its share in gated fusion, 1 in sum over the sources used; empty for other models.
    """

    probability: float
    logit: float
    parts: Mapping[str, float]
    sources_used: tuple[str, ...]
    sources_missing: tuple[str, ...]
    weights: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Evidence:
    """Why: class activation maps and the features that matter.

    Attributes:
        maps: (sequence, method) -> map (sitk.sitkFloat32, 0..1) on the patient's grid, cropped to the patch;
            method is 'gradcam' or 'gradcam++'. Cells are shown as they are, never smoothed.
        cell_size_mm: sequence -> in-plane size of one cell of the map in mm.
        features: rows with 'source', 'name', 'value', 'standardised', 'reference_range' (95 % of the training cases),
            'training_percentile', 'class_percentiles' (class -> percentile) and 'contribution' (log-odds), those that
            matter most first; a clinical column is one row, with 'title', 'unit' and 'origin'.
    """

    maps: Mapping[tuple[str, str], sitk.Image]
    cell_size_mm: Mapping[str, tuple[float, float]]
    features: tuple[Mapping[str, Any], ...]
