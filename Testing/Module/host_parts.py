"""What the tests of the host put into a scene: widgets, parameters, volumes."""

import enum
from typing import Annotated

import numpy as np
import slicer
from slicer.parameterNodeWrapper import Default, WithinRange, parameterNodeWrapper, parameterPack

HOST_UI = """<ui version="4.0"><widget class="qMRMLWidget" name="Root"><layout class="QVBoxLayout" name="rows">
<item><widget class="ctkCollapsibleButton" name="section"><property name="text"><string>Exam</string></property>
<layout class="QVBoxLayout" name="inner">
<item><widget class="qMRMLNodeComboBox" name="volumeBox">
  <property name="nodeTypes"><stringlist><string>vtkMRMLScalarVolumeNode</string></stringlist></property>
  <property name="noneEnabled"><bool>true</bool></property>
  <property name="SlicerParameterName" stdset="0"><string>volume</string></property></widget></item>
<item><widget class="ctkSliderWidget" name="opacitySlider">
  <property name="SlicerParameterName" stdset="0"><string>opacity</string></property></widget></item>
<item><widget class="QComboBox" name="kindBox">
  <property name="SlicerParameterName" stdset="0"><string>kind</string></property></widget></item>
<item><widget class="QCheckBox" name="linkBox">
  <property name="SlicerParameterName" stdset="0"><string>link</string></property></widget></item>
<item><widget class="QPushButton" name="hiddenButton"><property name="visible"><bool>false</bool></property>
  </widget></item>
</layout></widget></item></layout></widget>
<connections><connection><sender>Root</sender><signal>mrmlSceneChanged(vtkMRMLScene*)</signal>
<receiver>volumeBox</receiver><slot>setMRMLScene(vtkMRMLScene*)</slot></connection></connections></ui>"""


class Kind(enum.Enum):
    PRE = "pre"
    POST = "post"


@parameterPack
class Seed:
    x_mm: float
    radius_mm: Annotated[float, Default(30.0), WithinRange(5.0, 80.0)]


@parameterNodeWrapper
class Parameters:
    volume: slicer.vtkMRMLScalarVolumeNode
    opacity: Annotated[float, Default(0.4), WithinRange(0.0, 1.0)]
    kind: Annotated[Kind, Default(Kind.POST)]
    link: bool
    phase: Annotated[int, Default(-1)]
    names: list[str]
    times_s: dict[str, float]
    seed: Seed


def add_volume(name, cube_value=0):
    """50 x 60 x 30 voxels of 1 mm; the voxels 15..34, 20..39, 10..19 (i, j, k) have the value of the cube."""
    voxels = np.zeros((30, 60, 50), np.int16)
    voxels[10:20, 20:40, 15:35] = cube_value
    return slicer.util.addVolumeFromArray(voxels, name=name)


def add_segmentation(volume, name="Lesion 1"):
    segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    segmentation.CreateDefaultDisplayNodes()
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    return segmentation, segmentation.GetSegmentation().AddEmptySegment("L1", name, (1.0, 0.0, 0.0))
