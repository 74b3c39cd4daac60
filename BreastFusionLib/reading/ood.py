"""Where a case differs from everything the model was trained on, one sentence each."""

from __future__ import annotations

from collections.abc import Sequence

from BreastFusionLib.reading.metadata import TrainingContext
from BreastFusionLib.reading.model import CaseInputs
from BreastFusionLib.reading.recipe import SEQUENCE_WORDS
from BreastFusionLib.reading.scalers import Scalers
from BreastFusionLib.reading.vectors import source_values

__all__ = ["out_of_distribution"]

# A new case is the extreme one of some feature by chance alone: of 321 features over 70 training cases about nine
# lie outside the range that was seen. Only what lies a quarter of that range beyond it is told.
RANGE_MARGIN = 0.25
# Interpolation changes texture with the voxel size; a quarter more or less is within what protocols of one
# hospital differ by.
SPACING_FACTOR = 1.25
# 1.494 T and 1.5 T are the same magnet.
SAME_FIELD_T = 0.2


def out_of_distribution(inputs: CaseInputs, training: TrainingContext, scalers: Scalers) -> tuple[str, ...]:
    """Compare a prepared case with the training cases.

    Args:
        inputs: the prepared case.
        training: how the training exams were taken; what it does not know is not compared.
        scalers: vector source -> scaler or encoder with the training ranges.

    Returns:
        Sentences; none when nothing is unusual.
    """
    return (
        *_features(inputs, scalers),
        *_spacing(inputs, training),
        *_contrast(inputs, training),
        *_field_strength(inputs, training),
        *_size(inputs),
    )


def _features(inputs: CaseInputs, scalers: Scalers) -> list[str]:
    beyond = []
    for source, scaler in scalers.items():
        values, measured = source_values(inputs, source), scaler.measured
        for name in scaler.parts:
            value = values[name]
            if value is None or isinstance(value, str):
                continue
            low, high = measured.training_range(name)
            # A feature that was constant in training still differs in its last digits.
            margin = RANGE_MARGIN * (high - low) + 1e-9 * max(abs(low), abs(high))
            # Comparisons with NaN are false: what is undefined is not beyond anything.
            if value < low - margin or value > high + margin:
                distance = max(low - value, value - high) / measured.std[measured.names.index(name)]
                beyond.append((distance, f"{name} {value:.4g} (training {low:.4g} to {high:.4g})"))
    if not beyond:
        return []
    worst = "; ".join(words for _, words in sorted(beyond, reverse=True)[:3])
    count = "1 feature lies" if len(beyond) == 1 else f"{len(beyond)} features lie"
    return [f"{count} far beyond the training range: {worst}."]


def _spacing(inputs: CaseInputs, training: TrainingContext) -> list[str]:
    sentences = []
    for sequence, spacing in inputs.context["spacing_mm"].items():
        span = training.spacing_mm.get(sequence)
        if span is None:
            continue
        triples = zip(spacing, span["low"], span["high"], strict=True)
        if any(mm < low / SPACING_FACTOR or mm > high * SPACING_FACTOR for mm, low, high in triples):
            own, low_mm, high_mm = (_millimetres(values) for values in (spacing, span["low"], span["high"]))
            sentences.append(
                f"{SEQUENCE_WORDS[sequence]}: its voxels of {own} are far from those in training "
                f"({low_mm} to {high_mm})."
            )
    return sentences


def _contrast(inputs: CaseInputs, training: TrainingContext) -> list[str]:
    words = {"pre": "before", "post": "after"}
    sentences = []
    for sequence, state in inputs.context["contrast"].items():
        seen = training.contrast.get(sequence, ())
        # 'unknown' on either side claims nothing.
        if state in words and seen and not {state, "unknown"} & set(seen):
            sentences.append(f"{SEQUENCE_WORDS[sequence]} was taken {words[state]} contrast; in training it never was.")
    return sentences


def _field_strength(inputs: CaseInputs, training: TrainingContext) -> list[str]:
    own, seen = inputs.context["field_strength_t"], training.field_strength_t
    if own is None or not seen or any(abs(own - value) <= SAME_FIELD_T for value in seen):
        return []
    return [f"The field strength is {own:g} T; in training it was {' or '.join(f'{value:g} T' for value in seen)}."]


def _size(inputs: CaseInputs) -> list[str]:
    if inputs.lesion is None:
        return []
    sentences = []
    for sequence, words in SEQUENCE_WORDS.items():
        if sequence not in inputs.patches:
            continue
        grid = inputs.patches[sequence].grid
        side_mm = min(size * mm for size, mm in zip(grid.size[:2], grid.spacing_mm[:2], strict=True))
        if inputs.lesion.diameter_inplane_mm > side_mm:
            sentences.append(
                f"The lesion ({inputs.lesion.diameter_inplane_mm:.0f} mm) is larger than the crop that the model sees "
                f"on {words} ({side_mm:.0f} mm)."
            )
    return sentences


def _millimetres(spacing: Sequence[float]) -> str:
    return " x ".join(f"{value:.3g}" for value in spacing) + " mm"
