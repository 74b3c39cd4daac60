"""Reading one case: prepare, score and explain together, and what comes out of it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from BreastFusionLib.exam.geometry import transform_matrix
from BreastFusionLib.exam.image_files import write_image
from BreastFusionLib.exam.model import Side
from BreastFusionLib.files import to_plain, write_json
from BreastFusionLib.lesion.measure import Measurements
from BreastFusionLib.lesion.model import Lesion, MappedLesion
from BreastFusionLib.reading.clinical_encoder import ClinicalEncoder
from BreastFusionLib.reading.measured_lesion import Scales
from BreastFusionLib.reading.metadata import BundleMetadata
from BreastFusionLib.reading.model import Case, CaseInputs, Evidence, Scores
from BreastFusionLib.reading.ood import out_of_distribution
from BreastFusionLib.reading.prepare import prepare
from BreastFusionLib.reading.reading_folder import READING, discard_reading
from BreastFusionLib.reading.recipe import CLINICAL, PROJECTION, SOURCE_WORDS, TaskSpec
from BreastFusionLib.reading.scalers import Scalers, raw_rows
from BreastFusionLib.reading.stopwatch import Stages, Stopwatch
from BreastFusionLib.reading.versions import versions
from BreastFusionLib.reading.why import why

if TYPE_CHECKING:
    from BreastFusionLib.reading.bundle import Bundle

__all__ = ["NO_MEANING", "READING_SCHEMA", "Reader", "Reading", "has_meaning", "missing_sources"]

READING_SCHEMA = "breastfusion.reading/1"
_PROJECTION_FILE = "mip.nii.gz"
NO_MEANING = "Demo model: its score has no meaning for this patient"


@dataclass(frozen=True)
class Reading:
    """The result for one case.

    Attributes:
        case_id: the case's name.
        statement: the words over the result, or instead of it.
        probability: calibrated, of the positive class; None when it has no meaning for this patient.
        class_name: the class at the shown threshold; None likewise.
        threshold: the shown operating point; None likewise.
        parts: source -> probability of that source alone; empty likewise.
        why: at most three reasons in words; empty likewise.
        sources_used: sources that were there.
        sources_missing: sources that were not; a warning each says what the model did without it.
        weights: source -> how much it counted (0..1) where the model weighs sources in each case; else empty.
        in_distribution: False when a warning says that the case differs from the training cases.
        warnings: sentences.
        side: the breast; 'unknown' where nobody tells.
        lesion: as drawn; None for a whole breast.
        inputs: what was measured.
        evidence: maps and features.
        metadata: of the bundle.
        device: where the network ran.
        seconds: by stage, and 'total'.
        versions: of everything that the numbers depend on.
    """

    case_id: str
    statement: str
    probability: float | None
    class_name: str | None
    threshold: float | None
    parts: Mapping[str, float]
    why: tuple[str, ...]
    sources_used: tuple[str, ...]
    sources_missing: tuple[str, ...]
    weights: Mapping[str, float]
    in_distribution: bool
    warnings: tuple[str, ...]
    side: Side
    lesion: Lesion | None
    inputs: CaseInputs
    evidence: Evidence
    metadata: BundleMetadata
    device: str
    seconds: Mapping[str, float]
    versions: Mapping[str, Any]

    def to_mapping(self) -> dict[str, Any]:
        """Return `reading.json` as plain JSON content; files are named relative to its folder."""
        kinetics = self.inputs.kinetics
        return to_plain(
            {
                "schema": READING_SCHEMA,
                "case_id": self.case_id,
                "title": self.metadata.task.title,
                "statement": self.statement,
                "probability": self.probability,
                "class": self.class_name,
                "threshold": self.threshold,
                "parts": dict(self.parts),
                "why": self.why,
                "sources": {
                    "used": self.sources_used,
                    "missing": self.sources_missing,
                    "weights": dict(self.weights),
                },
                "side": self.side,
                "lesion": _lesion(self.lesion, self.inputs.lesion),
                "projection": {"file": _PROJECTION_FILE} if PROJECTION in self.inputs.patches else None,
                "kinetics": None if kinetics is None else kinetics.to_mapping(),
                "mapping": {sequence: _mapping(mapped) for sequence, mapped in self.inputs.mapped.items()},
                "features": self.evidence.features,
                "maps": [
                    {
                        "sequence": sequence,
                        "method": method,
                        "file": _map_file(sequence, method),
                        "cell_size_mm": self.evidence.cell_size_mm[sequence],
                    }
                    for sequence, method in self.evidence.maps
                ],
                "in_distribution": self.in_distribution,
                "warnings": self.warnings,
                "seconds": dict(self.seconds),
                "device": self.device,
                "versions": dict(self.versions),
                "bundle": {
                    "name": self.metadata.name,
                    "version": self.metadata.version,
                    "synthetic": self.metadata.training.synthetic,
                    "prevalence": self.metadata.training.prevalence,
                },
                "disclaimer": self.metadata.disclaimer,
            }
        )

    def write(self, folder: str | os.PathLike[str]) -> Path:
        """Write maps, the lesion on each sequence's grid, the projection, last of all `reading.json`; return its path.

        An earlier reading of the folder goes first: a half-written one is none, never a mixture of two.
        """
        target = Path(folder)
        discard_reading(target)
        for (sequence, method), image in self.evidence.maps.items():
            write_image(image, target / _map_file(sequence, method))
        for sequence, mapped in self.inputs.mapped.items():
            write_image(mapped.mask, target / _mask_file(sequence))
        if PROJECTION in self.inputs.patches:
            write_image(self.inputs.patches[PROJECTION].image, target / _PROJECTION_FILE)
        return write_json(target / READING, self.to_mapping())


@dataclass(frozen=True)
class Reader:
    """Reads cases with one bundle.

    Example:
        reading = Reader(load_bundle("run/bundle")).read(Case(exam, lesion))
    """

    bundle: Bundle

    def read(self, case: Case, scales: Scales | None = None, progress: Stages | None = None) -> Reading:
        """Read one case.

        Args:
            case: the case.
            scales: see `prepare`.
            progress: called with the name of each stage when it begins (the keys of `Reading.seconds`).

        Raises:
            InputError: input that cannot be used; the sentence says what to do.
        """
        # PyTorch is loaded here, so that a reading can be described without it.
        from BreastFusionLib.reading.explain import explain
        from BreastFusionLib.reading.score import encode, score_encoded

        bundle, metadata = self.bundle, self.bundle.metadata
        total, clock = Stopwatch(), Stopwatch(progress)
        with total.stage("total"):
            inputs = prepare(case, bundle.recipe.inputs, scales, progress)
            with clock.stage("score"):
                encoded = encode([inputs], bundle)
                scores = score_encoded(encoded, bundle)[0]
            with clock.stage("explain"):
                evidence = explain(inputs, bundle, metadata.positive_index, encoded)
            unusual = out_of_distribution(inputs, metadata.training.context, bundle.scalers)
        meaningful = has_meaning(metadata, case.exam.synthetic)
        result = (
            _meaningful(scores, evidence, metadata) if meaningful else _meaningless(inputs, evidence, bundle.scalers)
        )
        return Reading(
            case_id=case.case_id,
            sources_used=scores.sources_used,
            sources_missing=scores.sources_missing,
            # A range of phantoms says nothing about a patient, so nothing is compared with it.
            in_distribution=meaningful and not unusual,
            warnings=(
                *missing_sources(scores, bundle),
                *inputs.warnings,
                *_imputed(inputs, bundle.scalers),
                *(unusual if meaningful else ()),
            ),
            side=case.breast_side,
            lesion=case.lesion,
            inputs=inputs,
            metadata=metadata,
            device=bundle.device,
            seconds={**inputs.seconds, **clock.seconds, **total.seconds},
            versions=versions(radiomics=bundle.recipe.inputs.radiomics is not None),
            **result,
        )


def has_meaning(metadata: BundleMetadata, synthetic: bool) -> bool:
    """Tell whether a bundle's score means anything for an exam: one trained on phantoms knows phantoms only.

    Args:
        metadata: of the bundle.
        synthetic: whether the exam is a phantom.
    """
    return synthetic or not metadata.training.synthetic


def _meaningful(scores: Scores, evidence: Evidence, metadata: BundleMetadata) -> dict[str, Any]:
    positive = scores.probability >= metadata.threshold
    return {
        "statement": f"{metadata.task.title}: {scores.probability:.2f}",
        "probability": scores.probability,
        "class_name": _class_name(metadata.task, positive),
        "threshold": metadata.threshold,
        "parts": scores.parts,
        "weights": scores.weights,
        "why": why(evidence.features, metadata.task, positive),
        "evidence": evidence,
    }


def _meaningless(inputs: CaseInputs, evidence: Evidence, scalers: Scalers) -> dict[str, Any]:
    """Keep what is true of the patient whatever the model was trained on: values and maps, no comparison."""
    return {
        "statement": NO_MEANING,
        "probability": None,
        "class_name": None,
        "threshold": None,
        "parts": {},
        "weights": {},
        "why": (),
        "evidence": dataclasses.replace(evidence, features=tuple(raw_rows(inputs, scalers))),
    }


def missing_sources(scores: Scores, bundle: Bundle) -> tuple[str, ...]:
    """Say what the model did without the sources that are not there: a gate leaves them out, all else needs a value."""
    gated = bundle.recipe.model.fusion == "gated"
    done = "the model weighed the others without it" if gated else "the model used its neutral value"
    return tuple(f"{SOURCE_WORDS[source]} missing: {done}." for source in scores.sources_missing)


def _imputed(inputs: CaseInputs, scalers: Scalers) -> tuple[str, ...]:
    """Say which clinical values the model did not get from the case."""
    encoder = scalers.get(CLINICAL)
    return encoder.notes(inputs.columns) if isinstance(encoder, ClinicalEncoder) else ()


def _class_name(task: TaskSpec, positive: bool) -> str:
    if positive:
        return task.positive
    others = [name for name in task.classes if name != task.positive]
    return others[0] if len(others) == 1 else f"not {task.positive}"


def _lesion(lesion: Lesion | None, measurements: Measurements | None) -> dict[str, Any] | None:
    if lesion is None or measurements is None:
        return None
    return {"id": lesion.lesion_id, "side": lesion.side, **measurements.to_mapping()}


def _mapping(mapped: MappedLesion) -> dict[str, Any]:
    return {
        **mapped.to_mapping(),
        "target_to_dce_lps": None if mapped.transform is None else transform_matrix(mapped.transform),
        "file": _mask_file(mapped.sequence),
    }


def _map_file(sequence: str, method: str) -> str:
    return f"map_{sequence}_{method.replace('+', 'p')}.nii.gz"


def _mask_file(sequence: str) -> str:
    return f"lesion_{sequence}.nii.gz"
