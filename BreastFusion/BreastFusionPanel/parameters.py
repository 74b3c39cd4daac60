"""What of the panel's state belongs to the study: kept in the scene, so that a saved scene reopens with its reading.

Names are camelCase as Slicer's own parameter nodes are. What belongs to the machine (model folder, device) is in
`settings`, never here.
"""

from __future__ import annotations

import enum
from typing import Annotated

from slicer import (
    vtkMRMLScalarVolumeNode,
    vtkMRMLSegmentationNode,
    vtkMRMLSequenceBrowserNode,
    vtkMRMLSequenceNode,
)
from slicer.parameterNodeWrapper import Default, WithinRange, parameterNodeWrapper

__all__ = ["BreastFusionParameterNode", "DceImage", "MapMethod"]


class DceImage(enum.Enum):
    """Which image of the DCE series the views show."""

    PRE = "pre"
    POST = "post"
    SUBTRACTION = "subtraction"
    MIP = "MIP"


class MapMethod(enum.Enum):
    """Which class activation map the views show, by the names that a reading gives them."""

    GRADCAM = "gradcam"
    GRADCAM_PP = "gradcam++"

    def label(self) -> str:
        """Return its name as it is written, for Slicer's combo boxes."""
        return {"gradcam": "Grad-CAM", "gradcam++": "Grad-CAM++"}[self.value]


@parameterNodeWrapper
class BreastFusionParameterNode:
    """One study.

    Attributes:
        dceSequence: the DCE phases in time order; every correction of order and times is made in the node itself.
        dceBrowser: shows one phase of it.
        t1Volume: T1 apart from DCE; may be missing.
        t2Volume: T2; may be missing.
        usedPhase: phase of the DCE series that the user chose for the reading; -1: the model's own choice.
        dceImage: what the views show of the DCE series.
        linkViews: whether the views of DCE, T1 and T2 move together.
        segmentation: the lesions, one segment each, on the DCE grid.
        t1Segmentation: the same lesions on T1, segment by segment with the same IDs.
        t2Segmentation: the same on T2.
        selectedLesion: segment ID.
        enhancementPercent: least enhancement for 'From click'.
        radiusMm: largest distance from the click.
        showMapDce: whether the activation map lies over DCE.
        showMapT1: the same for T1.
        showMapT2: the same for T2.
        mapMethod: which map.
        mapOpacity: of the maps.
    """

    dceSequence: vtkMRMLSequenceNode
    dceBrowser: vtkMRMLSequenceBrowserNode
    t1Volume: vtkMRMLScalarVolumeNode
    t2Volume: vtkMRMLScalarVolumeNode
    usedPhase: Annotated[int, Default(-1)]
    dceImage: Annotated[DceImage, Default(DceImage.POST)]
    linkViews: Annotated[bool, Default(True)]
    segmentation: vtkMRMLSegmentationNode
    t1Segmentation: vtkMRMLSegmentationNode
    t2Segmentation: vtkMRMLSegmentationNode
    selectedLesion: str
    enhancementPercent: Annotated[float, Default(70.0), WithinRange(10.0, 300.0)]
    radiusMm: Annotated[float, Default(30.0), WithinRange(5.0, 80.0)]
    showMapDce: Annotated[bool, Default(True)]
    showMapT1: Annotated[bool, Default(True)]
    showMapT2: Annotated[bool, Default(True)]
    mapMethod: Annotated[MapMethod, Default(MapMethod.GRADCAM_PP)]
    mapOpacity: Annotated[float, Default(0.4), WithinRange(0.0, 1.0)]
