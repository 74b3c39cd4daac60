"""Why a model says what it says: activation maps on the patient, and the features that matter."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK as sitk
import torch
from numpy.typing import NDArray

from BreastFusionLib.exam.geometry import Box, Grid, resample_onto
from BreastFusionLib.reading.model import CaseInputs, Evidence
from BreastFusionLib.reading.scalers import raw_rows
from BreastFusionLib.reading.score import Encoded, encode, running
from BreastFusionLib.reading.vectors import source_values

if TYPE_CHECKING:
    from BreastFusionLib.reading.bundle import Bundle

__all__ = ["cell_size_mm", "explain", "feature_rows", "map_on_patient"]


def explain(inputs: CaseInputs, bundle: Bundle, target: int, encoded: Encoded | None = None) -> Evidence:
    """Collect the evidence for one class, in the images as they are, also where a score is a mean over copies.

    Args:
        inputs: the prepared case.
        bundle: the model.
        target: index of the class.
        encoded: the case's way through the encoder, when it was scored just before.

    Returns:
        Maps of every sequence that is there, and all features, those with the largest contribution first.
    """
    from BreastFusionLib.models.cam import activation_maps

    encoded = encode([inputs], bundle) if encoded is None else encoded
    # Tensors made in inference mode take no part in gradients; their copies do.
    images, vectors, present, features, encoder_maps = (
        {name: tensor.clone() for name, tensor in part.items()}
        for part in (encoded.images, encoded.vectors, encoded.present, encoded.features, encoded.maps)
    )
    with running(bundle.device):
        cells = activation_maps(bundle.network, images, vectors, present, target, encoder_maps)
        contributions = _contributions(bundle, features, vectors, present, target)
    maps, sizes = {}, {}
    for (sequence, method), values in cells.items():
        if sequence not in inputs.patches:
            continue  # the model used its neutral value: there is nothing to show
        patch = inputs.patches[sequence].grid
        # A projection lies on no sequence: its map has its own pixels, as thick as what the rays passed.
        patient = Grid.of(inputs.mapped[sequence].mask) if sequence in inputs.mapped else patch
        first_cell_px, cell_px = bundle.network.first_cell_px(sequence), bundle.network.cell_px(sequence)
        maps[sequence, method] = map_on_patient(values, patch, patient, first_cell_px, cell_px)
        sizes[sequence] = cell_size_mm(cell_px, patch)
    return Evidence(maps, sizes, feature_rows(inputs, bundle, contributions))


def map_on_patient(
    cells: NDArray[np.floating], patch: Grid, patient: Grid, first_cell_px: float, cell_px: float
) -> sitk.Image:
    """Place a map over a patch on the patient, cell by cell.

    Args:
        cells: (h, w), rows and columns over the patch, 0..1; one for all slices of the patch.
        patch: the patch's grid.
        patient: the sequence's grid.
        first_cell_px: row and column of the patch in the middle of what the first cell sees; padding in an encoder's
            strided layers may shift it by up to half a cell from where the cells would tile the patch.
        cell_px: pixels of the patch from one cell to the next.

    Returns:
        sitk.sitkFloat32 on the part of the patient's grid that the patch covers: every voxel has the value of the
        nearest cell (a coarse map must look coarse).
    """
    rows, columns = cells.shape
    count = np.array([columns, rows, 1])
    pitch_px = np.array([cell_px, cell_px, patch.size[2]])
    first_center = np.array([first_cell_px, first_cell_px, (patch.size[2] - 1) / 2])
    # One more ring of cells, each like its neighbour: what lies beyond the last centre belongs to the last cell.
    ring = np.array([1, 1, 0])
    cell_grid = Grid(
        tuple((count + 2 * ring).tolist()),
        tuple((pitch_px * patch.spacing_mm).tolist()),
        tuple(patch.physical(first_center - ring * pitch_px).tolist()),
        patch.direction,
    )
    values = np.pad(np.asarray(cells, dtype=np.float32), 1, mode="edge")
    image = cell_grid.put_on(sitk.GetImageFromArray(values[np.newaxis]))
    return resample_onto(image, patient.cropped(_covered(patch, patient)), "nearest")


def cell_size_mm(cell_px: float, patch: Grid) -> tuple[float, float]:
    """Return the in-plane size of one cell of a map over a patch, in mm along the patch's (i, j)."""
    return cell_px * patch.spacing_mm[0], cell_px * patch.spacing_mm[1]


def feature_rows(
    inputs: CaseInputs, bundle: Bundle, contributions: Mapping[str, NDArray[np.floating]]
) -> tuple[dict[str, Any], ...]:
    """Return every feature and clinical column with its value, its place among the training cases and contribution.

    Args:
        inputs: the prepared case.
        bundle: for its scalers and class names.
        contributions: source -> (F,) share of each of the network's inputs in the margin of the explained class; those
            of a clinical column count together.

    Returns:
        Rows of `raw_rows` with 'standardised', 'reference_range' (95 % of the training cases), 'training_percentile',
        'class_percentiles' (class -> percentile) and 'contribution' (log-odds), by falling size of the contribution;
        None where undefined. A word without order has neither range nor percentile.
    """
    classes = bundle.metadata.task.classes
    standardised = {source: s.standardise(source_values(inputs, source)) for source, s in bundle.scalers.items()}
    rows = raw_rows(inputs, bundle.scalers)
    for row in rows:
        source, name = row["source"], row["name"]
        scaler = bundle.scalers[source]
        measured, places = scaler.measured, list(scaler.parts[name])
        number = scaler.number(name, row["value"])
        by_class = range(len(measured.quantiles_by_class))
        row |= {
            "standardised": float(standardised[source][places[0]]) if math.isfinite(number) else None,
            "reference_range": tuple(map(_known, scaler.reference_range(name))),
            "training_percentile": _known(measured.percentile(name, number)),
            "class_percentiles": {classes[k]: _known(measured.percentile(name, number, k)) for k in by_class},
            "contribution": float(contributions[source][places].sum()),
        }
    return tuple(sorted(rows, key=lambda row: -abs(row["contribution"])))


def _contributions(
    bundle: Bundle,
    features: dict[str, torch.Tensor],
    vectors: dict[str, torch.Tensor],
    present: dict[str, torch.Tensor],
    target: int,
) -> dict[str, NDArray[np.float64]]:
    """Return gradient times input of the margin for each vector feature.

    For a linear head this is each feature's exact share in the margin, the training mean being zero; else its
    first-order approximation (Shrikumar et al., arXiv:1605.01713).
    """
    if not vectors:
        return {}
    with torch.enable_grad():
        inputs = {source: values.requires_grad_() for source, values in vectors.items()}
        logits = bundle.network.fuse(features, inputs, present).logits[0]
        others = torch.cat([logits[:target], logits[target + 1 :]])
        margin = logits[target] - others.logsumexp(dim=0)
        gradients = torch.autograd.grad(margin, list(inputs.values()), materialize_grads=True)
    return {
        source: (gradient * values).detach()[0].double().cpu().numpy()
        for (source, values), gradient in zip(inputs.items(), gradients, strict=True)
    }


def _covered(patch: Grid, patient: Grid) -> Box:
    """Return the box of the patient's voxels whose centres lie between the patch's outer faces."""
    index = patient.index(patch.physical(patch.corners_ijk(border=0.5)))
    # A centre on a face belongs to neither side; rounding must not decide about it.
    start = np.ceil(index.min(axis=0) + 1e-6).astype(int)
    stop = np.floor(index.max(axis=0) - 1e-6).astype(int) + 1
    return Box(tuple(start.tolist()), tuple((stop - start).tolist())).clipped(patient.size)


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
