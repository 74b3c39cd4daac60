"""Images made of the DCE phases for the eyes only: subtraction and its projections. No measurement uses them.

They are volume nodes that belong to the DCE sequence by node references, are made when first looked at, and are left
out of saved scenes, because they can always be made again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import slicer
from slicer.i18n import tr as _

from ..bridge.geometry import ijk_to_ras
from ..bridge.sequences import common_grid
from ..bridge.slice_window import apply_window, enhancement_range
from ..parameters import DceImage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..parameters import BreastFusionParameterNode

__all__ = ["PLANES", "discard_orphans", "is_made", "make_images", "project", "shown_phase", "shown_volume", "subtract"]

PLANES = ("Axial", "Sagittal", "Coronal")
"""Slicer's names of the planes; each has a projection of its own."""

_NORMAL = {"Sagittal": 0, "Coronal": 1, "Axial": 2}
_SUBTRACTION = "BreastFusion.subtraction"
_PROJECTION = "BreastFusion.projection"
_MADE_OF = "BreastFusion.madeOf"
_SERIES = "BreastFusion.series"


def subtract(post: NDArray[np.generic], pre: NDArray[np.generic]) -> NDArray[np.float32]:
    """Return post minus pre; as float, because unsigned scanner values would wrap round below zero."""
    return post.astype(np.float32) - pre.astype(np.float32)


def project(values_kji: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Return the maximum along an array axis, as a volume with one slice there."""
    return values_kji.max(axis=axis, keepdims=True)


def shown_volume(parameters: BreastFusionParameterNode, plane: str = "Axial") -> Any:
    """Return the volume node that a view of the DCE series shows now; None without a series.

    Args:
        parameters: the study.
        plane: of the view, one of `PLANES`; only projections differ by it.
    """
    sequence = parameters.dceSequence
    if sequence is None:
        return None
    made = {DceImage.SUBTRACTION: _SUBTRACTION, DceImage.MIP: f"{_PROJECTION}.{plane}"}.get(parameters.dceImage)
    node = sequence.GetNodeReference(made) if made else None
    return node or shown_phase(parameters)


def shown_phase(parameters: BreastFusionParameterNode) -> Any:
    """Return the volume node that shows one phase of the DCE series; None without a series."""
    sequence, browser = parameters.dceSequence, parameters.dceBrowser
    return browser.GetProxyNode(sequence) if sequence is not None and browser is not None else None


def make_images(parameters: BreastFusionParameterNode, phase: int) -> None:
    """Make what `parameters.dceImage` asks for, unless it is there and of these very phases.

    Args:
        parameters: the study; with a DCE series.
        phase: number of the post-contrast phase that the pre-contrast one is taken from.

    Raises:
        InputError: the two phases lie on different grids.
    """
    if parameters.dceImage not in (DceImage.SUBTRACTION, DceImage.MIP):
        return
    difference = _subtraction(parameters, phase)
    if parameters.dceImage == DceImage.MIP:
        for plane in PLANES:
            _projection(parameters.dceSequence, difference, plane)


def is_made(volume: Any) -> bool:
    """Tell whether a volume node was made here, and is no image of the exam."""
    return volume.GetAttribute(_MADE_OF) is not None


def discard_orphans() -> None:
    """Remove from the scene what was made of a series that is not there any more."""
    for volume in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode"):
        if is_made(volume) and volume.GetNodeReference(_SERIES) is None:
            slicer.mrmlScene.RemoveNode(volume)


def _subtraction(parameters: BreastFusionParameterNode, phase: int) -> Any:
    sequence = parameters.dceSequence
    pre, post = sequence.GetNthDataNode(0), sequence.GetNthDataNode(phase)
    name = _("{series} subtraction").format(series=sequence.GetName())
    node, is_new = _made_node(sequence, _SUBTRACTION, name, _stamp(pre, post))
    if is_new:
        common_grid([pre, post])
        values = subtract(slicer.util.arrayFromVolume(post), slicer.util.arrayFromVolume(pre))
        _fill(node, values, ijk_to_ras(post), shown_phase(parameters))
    return node


def _projection(sequence: Any, difference: Any, plane: str) -> None:
    name = _("{series} MIP {plane}").format(series=sequence.GetName(), plane=plane.lower())
    node, is_new = _made_node(sequence, f"{_PROJECTION}.{plane}", name, _stamp(difference))
    if is_new:
        matrix = ijk_to_ras(difference)
        axis_ijk = int(np.argmax(np.abs(matrix[_NORMAL[plane], :3] / np.linalg.norm(matrix[:3, :3], axis=0))))
        values = slicer.util.arrayFromVolume(difference)
        count = values.shape[2 - axis_ijk]
        # One slice as thick as the volume: it is seen wherever the view stands.
        matrix[:3, 3] += matrix[:3, axis_ijk] * (count - 1) / 2
        matrix[:3, axis_ijk] *= count
        _fill(node, project(values, 2 - axis_ijk), matrix, difference)


def _made_node(sequence: Any, role: str, name: str, stamp: str) -> tuple[Any, bool]:
    """Return the node of a role, and whether its voxels must be made (anew)."""
    node = sequence.GetNodeReference(role)
    if node is None:
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
        node.SetSaveWithScene(False)
        node.SetNodeReferenceID(_SERIES, sequence.GetID())
        sequence.SetNodeReferenceID(role, node.GetID())
    if node.GetAttribute(_MADE_OF) == stamp:
        return node, False
    node.SetAttribute(_MADE_OF, stamp)
    return node, True


def _fill(node: Any, values: NDArray[np.float32], matrix: NDArray[np.float64], beside: Any) -> None:
    slicer.util.updateVolumeFromArray(node, values)
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(matrix))
    node.SetAndObserveTransformNodeID(beside.GetTransformNodeID())
    apply_window(node, *enhancement_range(values))
    node.GetDisplayNode().SetSaveWithScene(False)


def _stamp(*volumes: Any) -> str:
    """Return what changes whenever the voxels of one of the volumes do: VTK numbers all changes in one row."""
    return " ".join(str(volume.GetImageData().GetMTime()) for volume in volumes)
