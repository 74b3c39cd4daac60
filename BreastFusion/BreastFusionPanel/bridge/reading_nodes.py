"""Readings in the scene: the exact JSON, the maps as volumes, the features as a table, the curve as a chart.

The JSON is kept in a text node, because table nodes keep six digits. Beside it is noted what was read (outline, phases,
T1, T2, clinical values): a reading of something else is still shown, but is told to be out of date.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import SimpleITK as sitk
import slicer
import vtk
from slicer.i18n import tr as _

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Grid
from BreastFusionLib.files import to_plain
from BreastFusionLib.reading.recipe import PROJECTION, SOURCE_WORDS

from .clinical_values import clinical_row
from .exam_nodes import dce_grid
from .facts import read_json, write_json
from .geometry import grid_of, update_volume
from .kinetics_nodes import kinetics_chart, stored_chart
from .labelmaps import lesion_digest, place_of, segment_of
from .lesion_nodes import find_node, find_nodes, own, remove_nodes
from .mapped_segments import mapped_by_reader
from .node_parts import fingerprint, name_columns, remove_node
from .segment_tags import side_by_user
from .sequences import phases_of

if TYPE_CHECKING:
    from ..parameters import BreastFusionParameterNode

__all__ = [
    "IMAGE",
    "StoredReading",
    "reading_basis",
    "reading_of",
    "remove_reading",
    "store_reading",
    "storing_reading",
]

READING, MAP, FEATURES = "reading", "map", "features"
IMAGE = "image"  # beside the maps over it, what the model saw of a whole breast: files and page want it again
BASIS = "BreastFusion.basis"
CLINICAL_READ = "BreastFusion.clinicalRead"  # the model's own columns only: others of the exam say nothing to it
SEQUENCE, METHOD = "BreastFusion.sequence", "BreastFusion.method"
METHOD_WORDS = {"gradcam": "Grad-CAM", "gradcam++": "Grad-CAM++"}
MAP_COLORS = "vtkMRMLColorTableNodeIron"  # hot iron, as nuclear medicine has it
# Below this value a map says nothing; the image must be seen there.
MAP_FLOOR = 0.15


@dataclass(frozen=True)
class StoredReading:
    """What the scene holds of a lesion's reading.

    Attributes:
        mapping: the content of reading.json.
        is_current: whether outline, phases, T1, T2 and the model's clinical values are those that were read.
        map_nodes: (source, method) -> volume node, values 0..1; a projection itself has the method `IMAGE`.
        feature_table: vtkMRMLTableNode.
        chart: vtkMRMLPlotChartNode of the time-intensity curve; None when the reading has none.
        node: vtkMRMLTextNode that keeps it; what belongs to the reading may be noted in its attributes.
    """

    mapping: Mapping[str, Any]
    is_current: bool
    map_nodes: Mapping[tuple[str, str], slicer.vtkMRMLScalarVolumeNode]
    feature_table: slicer.vtkMRMLTableNode
    chart: slicer.vtkMRMLPlotChartNode | None
    node: slicer.vtkMRMLTextNode


def store_reading(
    parameters: BreastFusionParameterNode,
    segment_id: str,
    mapping: Mapping[str, Any],
    folder: str | os.PathLike[str],
    clinical: Mapping[str, Any] | None = None,
) -> None:
    """Put a reading into the scene, in place of an earlier one of the same lesion.

    Args:
        parameters: the study, as it was when it was read.
        segment_id: the lesion.
        mapping: the content of reading.json.
        folder: where the files are that it names.
        clinical: the clinical columns that the model looks at, with their values as they were read.

    Raises:
        InputError: no such lesion, or a map that cannot be read; then an earlier reading is still there.
    """
    for _step in storing_reading(parameters, segment_id, mapping, folder, clinical):
        pass


def storing_reading(
    parameters: BreastFusionParameterNode,
    segment_id: str,
    mapping: Mapping[str, Any],
    folder: str | os.PathLike[str],
    clinical: Mapping[str, Any] | None = None,
) -> Iterator[None]:
    """As `store_reading`, one file a step, so that events can pass; the scene changes in the last step, all at once."""
    maps = {}
    for row in mapping["maps"]:
        maps[row["sequence"], row["method"]] = _read_map(Path(folder) / row["file"])
        yield
    if mapping.get("projection"):
        maps[PROJECTION, IMAGE] = _read_map(Path(folder) / mapping["projection"]["file"])
    name = segment_of(parameters.segmentation, segment_id).GetName()
    remove_nodes(parameters.segmentation, segment_id, FEATURES, READING)
    _show_maps(parameters, segment_id, name, maps)
    table = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", _("{lesion} features").format(lesion=name))
    own(table, parameters.segmentation, segment_id, FEATURES)
    _fill_features(table, mapping["features"])
    if mapping.get("kinetics"):
        kinetics_chart(parameters, segment_id, mapping["kinetics"])
    text = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode", _("{lesion} reading").format(lesion=name))
    own(text, parameters.segmentation, segment_id, READING)
    text.SetAttribute(BASIS, reading_basis(parameters, segment_id))
    write_json(text, CLINICAL_READ, clinical or {})
    text.SetText(json.dumps(to_plain(mapping), allow_nan=False))


def reading_of(parameters: BreastFusionParameterNode | None, segment_id: str) -> StoredReading | None:
    """Return the reading of a lesion; None when it has none."""
    segmentation = None if parameters is None else parameters.segmentation
    text = find_node(segmentation, segment_id, READING, "vtkMRMLTextNode")
    try:
        mapping = json.loads(text.GetText()) if text is not None else None
    except ValueError:  # somebody edited the text
        mapping = None
    if mapping is None:
        return None
    clinical = read_json(text, CLINICAL_READ, {})
    return StoredReading(
        mapping=mapping,
        is_current=text.GetAttribute(BASIS) == reading_basis(parameters, segment_id)
        and clinical_row(parameters, clinical) == clinical,
        map_nodes=_map_nodes(segmentation, segment_id),
        feature_table=find_node(segmentation, segment_id, FEATURES, "vtkMRMLTableNode"),
        chart=stored_chart(parameters, segment_id) if mapping.get("kinetics") else None,
        node=text,
    )


def remove_reading(parameters: BreastFusionParameterNode, segment_id: str) -> None:
    """Remove the reading of a lesion with its maps and features; the lesion's curve stays, being of the images."""
    remove_nodes(parameters.segmentation, segment_id, MAP, FEATURES, READING)


def reading_basis(parameters: BreastFusionParameterNode, segment_id: str) -> str:
    """Return what tells apart what was read.

    That is the outline and the side that the user chose, the phases and their times, T1 and T2, where all of them lie
    in the world, and mappings of the reader's own.
    """
    sequence = parameters.dceSequence
    rows = () if sequence is None else phases_of(sequence)
    content = [
        lesion_digest(parameters.segmentation, segment_id),
        _side_by_user(parameters, segment_id),
        [(row.time_s, fingerprint(sequence.GetNthDataNode(row.number))) for row in rows],
        _place(partial(dce_grid, parameters)),
        [
            None if volume is None else (fingerprint(volume), _place(partial(grid_of, volume)))
            for volume in (parameters.t1Volume, parameters.t2Volume)
        ],
        parameters.usedPhase,
        [
            lesion_digest(getattr(parameters, f"{sequence}Segmentation"), segment_id)
            for sequence in mapped_by_reader(parameters, segment_id)
        ],
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _side_by_user(parameters: BreastFusionParameterNode, segment_id: str) -> str:
    try:
        return side_by_user(segment_of(parameters.segmentation, segment_id))
    except InputError:
        return ""


def _place(read_grid: Callable[[], Grid]) -> list[int] | None:
    """Return where voxels lie, or None when that cannot be told."""
    try:
        return place_of(read_grid()).tolist()
    except InputError:
        return None


def _read_map(path: Path) -> sitk.Image:
    try:
        return sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise InputError(
            _("The activation map {file} cannot be read: classify the lesion again.").format(file=path.name)
        ) from error


def _show_maps(
    parameters: BreastFusionParameterNode, segment_id: str, lesion: str, maps: Mapping[tuple[str, str], sitk.Image]
) -> None:
    """Have volumes for these maps and no others; those of an earlier reading are filled anew.

    Every node that comes or goes is news for each list of nodes in the application, which takes longer than the maps.
    """
    volumes = _map_nodes(parameters.segmentation, segment_id)
    for key in volumes.keys() - maps.keys():
        remove_node(volumes[key])
    for (sequence, method), image in maps.items():
        volume = volumes.get((sequence, method))
        if volume is not None:
            update_volume(volume, image)
        else:
            volume = _add_map(sequence, method, image)
            own(volume, parameters.segmentation, segment_id, MAP)
        words = SOURCE_WORDS.get(sequence, sequence), METHOD_WORDS.get(method, method)
        volume.SetName(" ".join((lesion, *words)))


def _map_nodes(
    segmentation: slicer.vtkMRMLSegmentationNode | None, segment_id: str
) -> dict[tuple[str, str], slicer.vtkMRMLScalarVolumeNode]:
    """Return the maps of a lesion's reading, (sequence, method) -> volume."""
    nodes = find_nodes(segmentation, segment_id, MAP, "vtkMRMLScalarVolumeNode")
    return {(node.GetAttribute(SEQUENCE), node.GetAttribute(METHOD)): node for node in nodes}


def _add_map(sequence: str, method: str, image: sitk.Image) -> slicer.vtkMRMLScalarVolumeNode:
    """Add a map as a volume whose low values are transparent and whose cells are shown as they are."""
    volume = slicer.vtkMRMLScalarVolumeNode()
    update_volume(volume, image)
    display = slicer.vtkMRMLScalarVolumeDisplayNode()
    display.AutoWindowLevelOff()
    display.SetWindowLevelMinMax(0.0, 1.0)
    display.SetThreshold(MAP_FLOOR, 1.0)
    display.ApplyThresholdOn()
    display.InterpolateOff()
    slicer.mrmlScene.AddNode(display)
    display.SetAndObserveColorNodeID(MAP_COLORS)
    volume.SetAndObserveDisplayNodeID(display.GetID())
    volume.SetAttribute(SEQUENCE, sequence)
    volume.SetAttribute(METHOD, method)
    slicer.mrmlScene.AddNode(volume)
    return volume


def _fill_features(table: slicer.vtkMRMLTableNode, rows: list[Mapping[str, Any]]) -> None:
    """Fill the table for the eyes; exact values are in the reading itself."""
    classes = list(dict.fromkeys(name for row in rows for name in row.get("class_percentiles", {})))
    columns: dict[str, list[str]] = {
        _("source"): [str(row["source"]) for row in rows],
        _("feature"): [str(row.get("title", row["name"])) for row in rows],
        _("value"): [_value(row) for row in rows],
    }
    if any("reference_range" in row for row in rows):
        ranges = [row.get("reference_range") or (None, None) for row in rows]
        columns[_("95 % of training")] = [
            "" if None in ends else f"{_number(ends[0])} .. {_number(ends[1])}" for ends in ranges
        ]
    if any("training_percentile" in row for row in rows):
        columns[_("percentile")] = [_number(row.get("training_percentile"), ".0f") for row in rows]
    for name in classes:
        columns[_("percentile in {group}").format(group=name)] = [
            _number(row.get("class_percentiles", {}).get(name), ".0f") for row in rows
        ]
    with slicer.util.NodeModify(table):
        for name, cells in columns.items():
            column = vtk.vtkStringArray()
            column.SetName(name)
            for cell in cells:
                column.InsertNextValue(cell)
            table.AddColumn(column)
        name_columns(table)
        table.SetLocked(True)


def _value(row: Mapping[str, Any]) -> str:
    """Return a feature's number, with its unit where it has one, or a clinical level's word."""
    value = row["value"]
    if isinstance(value, str):
        return value
    number, unit = _number(value), row.get("unit")
    return f"{number} {unit}" if number and unit else number


def _number(value: float | None, form: str = ".4g") -> str:
    return "" if value is None else format(value, form)
