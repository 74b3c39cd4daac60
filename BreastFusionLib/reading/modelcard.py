"""The model card of a bundle (`README.md`), generated from its metadata so that the two never disagree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from BreastFusionLib.images.settings import ProjectionSpec
from BreastFusionLib.reading.metadata import BundleMetadata
from BreastFusionLib.reading.recipe import CLINICAL, SEQUENCE_WORDS, ReadingRecipe

__all__ = ["model_card"]


def model_card(metadata: BundleMetadata, recipe: ReadingRecipe) -> str:
    """Return a model card in Markdown: intended use, inputs, training data, performance, limits."""
    record = metadata.training
    data = (
        "**Synthetic phantoms. Scores of this model have no meaning for a patient.**"
        if record.synthetic
        else "Exams of patients."
    )
    lines = [
        f"# {metadata.name} {metadata.version}",
        "",
        f"**{metadata.disclaimer}**",
        "",
        "## Intended use",
        "",
        metadata.intended_use,
        f"It gives, for one {metadata.task.unit}: {metadata.task.title} ({' / '.join(metadata.task.classes)}).",
        "",
        "## Inputs",
        "",
        *_inputs(recipe),
        "",
        "## Training data",
        "",
        f"{data} {record.cases} cases, {record.positives} of them {metadata.task.positive} ({record.prevalence:.0%}).",
        *_context(metadata),
        "",
        "## Performance on held-out cases",
        "",
        *_metrics(metadata.metrics),
        "",
        "## Operating points (calibrated probability)",
        "",
        *(f"- {name}: {value:.3f}" for name, value in metadata.thresholds.items()),
        "",
        "## Versions",
        "",
        *(f"- {name}: {value}" for name, value in metadata.versions.items()),
    ]
    return "\n".join(lines) + "\n"


def _inputs(recipe: ReadingRecipe) -> list[str]:
    inputs = recipe.inputs
    words = ", ".join(SEQUENCE_WORDS[sequence] for sequence in inputs.sequences)
    lines = [f"- sequences: {words} (DCE phase {inputs.dce_phase}, 0 being before contrast)"]
    if inputs.patch is not None:
        side = f"{inputs.patch.size_mm:g} mm" if inputs.patch.size_mm else "the image's own pixels"
        lines.append(f"- image patches: {inputs.patch.slices} slices of {inputs.patch.size_px} pixels ({side})")
    if inputs.projection is not None:
        lines.append(f"- {_projection(inputs.projection)}")
    columns = ", ".join(f"{c.words} ({c.unit})" if c.unit else c.words for c in inputs.clinical)
    return lines + [f"- {s}: {columns}" if s == CLINICAL else f"- {s}" for s in inputs.vector_sources]


def _projection(projection: ProjectionSpec) -> str:
    phase = "the phase of peak enhancement" if projection.phase is None else f"phase {projection.phase}"
    seen = f"{projection.size_px} x {projection.size_px} pixels" if projection.as_image else "measured, not seen"
    return f"{projection.axis} projection (MIP) of one breast, {phase} minus the one before contrast: {seen}"


def _context(metadata: BundleMetadata) -> list[str]:
    context = metadata.training.context
    lines = []
    for sequence, span in context.spacing_mm.items():
        low, high = (" x ".join(f"{value:.3g}" for value in span[end]) for end in ("low", "high"))
        states = " or ".join(context.contrast.get(sequence, ["unknown"]))
        lines.append(f"- {SEQUENCE_WORDS[sequence]}: voxels {low} to {high} mm; contrast: {states}")
    if context.field_strength_t:
        lines.append(f"- field strength: {', '.join(f'{value:g} T' for value in context.field_strength_t)}")
    return ["", *lines] if lines else []


def _metrics(metrics: Mapping[str, Any]) -> list[str]:
    lines = []
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            interval = "" if value.get("low") is None else f" [{value['low']:.3f} to {value['high']:.3f}]"
            shown = "not defined" if value.get("value") is None else f"{value['value']:.3f}{interval}"
        else:
            shown = str(value)
        lines.append(f"- {name}: {shown}")
    return lines or ["Not measured."]
