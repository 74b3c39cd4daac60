"""Scene <-> exam: what the panel's parameters point to, as the library's `Exam`, and an `Exam` as nodes.

`exam_of` costs milliseconds: pixels stay in their nodes until somebody asks for them. `add_exam` shares nothing with
the exam it is given and copies every volume once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import slicer
from slicer.i18n import tr as _

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Grid
from BreastFusionLib.exam.model import Exam, Role, Series, missing_phases

from .clinical_values import keep_clinical
from .facts import (
    REASON,
    SOURCES,
    WARNINGS,
    acquisition_of,
    age_of,
    contrast_of,
    description_of,
    is_other_patient,
    is_synthetic,
    pseudonym_in,
    read_json,
    write_exam_facts,
    write_series_facts,
)
from .geometry import show_volume, update_volume
from .lesion_owner import put_lesions_aside
from .node_phase import NodePhase
from .phase_corrections import was_corrected
from .sequences import (
    append_phase,
    browser_of,
    common_grid,
    items_of,
    phases_of,
    write_times,
)

if TYPE_CHECKING:
    from ..parameters import BreastFusionParameterNode

__all__ = ["add_exam", "dce_grid", "exam_of", "has_exam"]

CHOSEN = "Chosen in the panel."
CORRECTED = "Order or times of the DCE phases were corrected by hand."


def has_exam(parameters: BreastFusionParameterNode | None) -> bool:
    """Tell whether a DCE series is chosen that has a phase."""
    sequence = None if parameters is None else parameters.dceSequence
    return sequence is not None and sequence.GetNumberOfDataNodes() > 0


def exam_of(parameters: BreastFusionParameterNode | None) -> Exam:
    """Return the exam that the parameters point to. No pixel is copied.

    Raises:
        InputError: no DCE series, phases on different grids, a transform that cannot be followed, or a volume that
            cannot be used.
    """
    dce = _dce_series(parameters)
    series = [dce]
    roles: tuple[tuple[Role, slicer.vtkMRMLScalarVolumeNode | None], ...] = (
        ("t1", parameters.t1Volume),
        ("t2", parameters.t2Volume),
    )
    for role, volume in roles:
        if volume is not None:
            _refuse_double_use(role, volume, parameters)
            _refuse_other_patient(role, volume, parameters.dceSequence)
            series.append(_series(role, volume, (NodePhase(volume),)))
    node = parameters.dceSequence
    warnings = [*read_json(node, WARNINGS, []), *missing_phases(dce)]
    if was_corrected(node):
        warnings.append(CORRECTED)
    return Exam(
        series=tuple(series),
        pseudonym=pseudonym_in(node) or "exam",
        warnings=tuple(dict.fromkeys(warnings)),
        synthetic=is_synthetic(node, parameters.t1Volume, parameters.t2Volume),
        age_years=age_of(node),
    )


def dce_grid(parameters: BreastFusionParameterNode) -> Grid:
    """Return the grid of the DCE series in the world: the one on which lesions are drawn.

    Raises:
        InputError: as `exam_of`.
    """
    return common_grid(items_of(_chosen_sequence(parameters)), _placed_by(parameters))


def add_exam(
    exam: Exam, parameters: BreastFusionParameterNode, clinical: Mapping[str, Any] | None = None
) -> Iterator[float]:
    """Put an exam into the scene and make it the panel's study, one volume a step, so that events can pass between.

    Lesions of the study before stay in the scene, hidden, and are no longer the panel's. The nodes come into the scene
    together, after the last step: nobody takes half an exam for a whole one (nodes that are hidden at first stay hidden
    in some of Slicer's selectors), and a generator that fails or is closed before its end leaves nothing behind.

    Args:
        exam: DCE, T1 and T2 are taken.
        parameters: of the study.
        clinical: what is known of the patient: column -> value.

    Yields:
        The share (0..1) that is done.

    Raises:
        InputError: pixels that cannot be read.
    """
    chosen = [series for role in ("dce", "t1", "t2") if (series := exam.get(role)) is not None]  # type: ignore[arg-type]
    total = sum(len(series.phases) for series in chosen)
    nodes: dict[str, slicer.vtkMRMLNode] = {}
    done = 0
    for series in chosen:
        for _volume in _make_node(series, nodes):
            done += 1
            yield done / total
    if clinical and "dce" in nodes:
        keep_clinical(nodes["dce"], clinical)
    _put_into_scene(exam, nodes, parameters)


def _make_node(series: Series, nodes: dict[str, slicer.vtkMRMLNode]) -> Iterator[None]:
    """Make the node of a series volume by volume, outside the scene."""
    if series.role != "dce":
        nodes[series.role] = slicer.vtkMRMLScalarVolumeNode()
        update_volume(nodes[series.role], series.phases[0].read())
        write_series_facts(nodes[series.role], series)
        yield
        return
    sequence = nodes["dce"] = slicer.vtkMRMLSequenceNode()
    names = series.description.split("; ")
    for number, phase in enumerate(series.phases):
        volume = slicer.vtkMRMLScalarVolumeNode()
        update_volume(volume, phase.read())
        volume.SetName(names[number] if len(names) == len(series.phases) else series.description)
        with slicer.util.NodeModify(sequence):
            append_phase(sequence, volume)
        if number + 1 == len(series.phases):
            write_times(sequence, [0.0, *(phase.time_s for phase in series.phases[1:])])
            write_series_facts(sequence, series)
        yield


def _put_into_scene(exam: Exam, nodes: dict[str, slicer.vtkMRMLNode], parameters: BreastFusionParameterNode) -> None:
    dce = nodes.get("dce")
    for role, node in nodes.items():
        write_exam_facts(node, exam)
        node.SetName(slicer.mrmlScene.GenerateUniqueName(_node_name(exam.get(role))))
        if node is dce:
            slicer.mrmlScene.AddNode(node)
        else:
            show_volume(node)
    browser = None if dce is None else browser_of(dce)
    shown = [] if browser is None else [browser.GetProxyNode(dce)]
    _sort_into_hierarchy([*shown, *nodes.values()], exam.pseudonym)
    with slicer.util.NodeModify(parameters.parameterNode):
        parameters.dceSequence, parameters.dceBrowser = dce, browser
        parameters.t1Volume, parameters.t2Volume = nodes.get("t1"), nodes.get("t2")
        put_lesions_aside(parameters)
        parameters.usedPhase = -1


def _node_name(series: Series) -> str:
    """Return what a series is called in the scene: 'DCE: ax dyn' for phases called 'ax dyn pre', 'ax dyn 1st pass'.

    >>> _node_name(Series("t2", "ax t2 tirm", "", "pre", (), Grid((1, 1, 1), (1, 1, 1))))
    'T2: ax t2 tirm'
    """
    names = [name.split() for name in series.description.split("; ")]
    words = zip(*names, strict=False)
    common = [word[0] for word in itertools.takewhile(lambda word: len(set(word)) == 1, words)]
    return f"{series.role.upper()}: {' '.join(common or names[0]) or 'without a name'}"


def _sort_into_hierarchy(nodes: list[slicer.vtkMRMLNode], pseudonym: str) -> None:
    """Show the nodes under the patient's pseudonym and their study."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    patient = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), pseudonym)
    study = hierarchy.CreateStudyItem(patient, "Breast MRI")
    for node in nodes:
        item = hierarchy.GetItemByDataNode(node)
        if item == hierarchy.GetInvalidItemID():
            hierarchy.CreateItem(study, node)
        else:
            hierarchy.SetItemParent(item, study)


def _chosen_sequence(parameters: BreastFusionParameterNode | None) -> slicer.vtkMRMLSequenceNode:
    if parameters is None or parameters.dceSequence is None:
        raise InputError(_("No DCE series is chosen: open a study, load the demo exam, or choose one under 'Exam'."))
    return parameters.dceSequence


def _dce_series(parameters: BreastFusionParameterNode | None) -> Series:
    sequence = _chosen_sequence(parameters)
    items, grid = items_of(sequence), dce_grid(parameters)
    times_s = [row.time_s for row in phases_of(sequence)]
    phases = tuple(NodePhase(item, time_s, grid) for item, time_s in zip(items, times_s, strict=True))
    return _series("dce", sequence, phases)


def _series(role: Role, node: slicer.vtkMRMLNode, phases: tuple[NodePhase, ...]) -> Series:
    contrast = contrast_of(node)
    if contrast == "unknown":  # a sequence may be called anything; its volume has the scanner's name
        contrast = contrast_of(phases[0].volume)
    return Series(
        role=role,
        description=description_of(node),
        reason=node.GetAttribute(REASON) or CHOSEN,
        contrast="post" if len(phases) > 1 else contrast,
        phases=phases,
        grid=phases[0].grid,
        acquisition=acquisition_of(node) or acquisition_of(phases[0].volume),
        sources=tuple(read_json(node, SOURCES, [])),
    )


def _placed_by(parameters: BreastFusionParameterNode) -> slicer.vtkMRMLTransformableNode | None:
    """Return the volume that shows the DCE series: the transforms that it is under place all phases."""
    browser = parameters.dceBrowser
    return None if browser is None else browser.GetProxyNode(parameters.dceSequence)


def _refuse_other_patient(role: Role, volume: slicer.vtkMRMLNode, dce: slicer.vtkMRMLSequenceNode) -> None:
    if is_other_patient(volume, dce):
        raise InputError(
            _(
                "'{name}' is of another patient ({other}) than the DCE series ({patient}): choose the {role} series of "
                "the same patient, or none."
            ).format(name=volume.GetName(), other=pseudonym_in(volume), patient=pseudonym_in(dce), role=role.upper())
        )


def _refuse_double_use(role: Role, volume: slicer.vtkMRMLNode, parameters: BreastFusionParameterNode) -> None:
    if volume is _placed_by(parameters):
        raise InputError(
            _("'{name}' shows the DCE series and cannot be {role} too: choose the {role} series, or none.").format(
                name=volume.GetName(), role=role.upper()
            )
        )
    if role == "t2" and volume is parameters.t1Volume:
        raise InputError(
            _("'{name}' is chosen as T1 and as T2: choose another series for one, or none.").format(
                name=volume.GetName()
            )
        )
