"""Which nodes of a scene are DCE, T1 and T2: by the library's rules for series, from headers or names.

Nothing in the scene is changed; what is guessed is a proposal, and every part of it has a reason in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import slicer
from slicer.i18n import tr as _

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.choosing import may_be, merit
from BreastFusionLib.exam.contrast import contrast_in_name
from BreastFusionLib.exam.geometry import Grid, same_grid
from BreastFusionLib.exam.model import Role
from BreastFusionLib.exam.phases import Stamp, order_phases
from BreastFusionLib.exam.roles import SeriesRole, classify_table

from .dicom_headers import header_of, name_header
from .facts import DESCRIPTION, is_other_patient, pseudonym_in
from .sequences import common_grid, items_of

__all__ = ["Guess", "guess_exam"]

SAME_TECHNIQUE = 0.1  # TR, TE and flip angle of two phases differ by less than this share
# Attributes of nodes that the panel made itself: maps, curves, subtractions, projections.
MADE_HERE = ("BreastFusion.kind", "BreastFusion.madeOf")


@dataclass(frozen=True)
class Guess:
    """What a scene seems to hold.

    Attributes:
        dce: the DCE series as a sequence; None when there is none.
        dce_volumes: without a sequence, volumes that look like its phases, in time order; two at least, or none.
        times_s: of each of them, seconds after the first; all None when not all are known.
        t1: T1 apart from DCE, or None.
        t2: T2, or None.
        reasons: one sentence for each node that was looked at: what it is taken for, and why.
    """

    dce: slicer.vtkMRMLSequenceNode | None = None
    dce_volumes: tuple[slicer.vtkMRMLScalarVolumeNode, ...] = ()
    times_s: tuple[float | None, ...] = ()
    t1: slicer.vtkMRMLScalarVolumeNode | None = None
    t2: slicer.vtkMRMLScalarVolumeNode | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class _Candidate:
    """A node that may be something: its header (or what its name says), its grid, its role."""

    node: slicer.vtkMRMLNode
    header: dict[str, Any]
    grid: Grid
    phases: int
    role: SeriesRole

    @property
    def name(self) -> str:
        return str(self.header.get("SeriesDescription") or self.node.GetName())


def guess_exam(scene: slicer.vtkMRMLScene, patient: str = "") -> Guess:
    """Guess which nodes are DCE, T1 and T2.

    Args:
        scene: sequences of volumes go before volumes of their own. Displays of sequences, maps, label maps and volumes
            without pixels are passed over.
        patient: pseudonym; what is known to be of another one is passed over. Empty: anybody.
    """
    candidates = [one for one in _candidates(scene) if not patient or pseudonym_in(one.node) in ("", patient)]
    dynamic = _dynamic_sequence([one for one in candidates if one.phases > 1])
    members, times_s = ([dynamic], ()) if dynamic is not None else _dynamic_volumes(candidates)
    rest = [one for one in candidates if one.phases == 1 and one not in members]
    frame = members[0].grid if members else None
    t2 = _best("t2", rest, frame)
    t1 = _best("t1", [one for one in rest if one is not t2], frame)
    chosen = [("DCE", one) for one in members] + [("T1", t1), ("T2", t2)]
    reasons = [
        _("{role}: '{name}'. {reason}").format(role=role, name=one.name, reason=one.role.reason)
        for role, one in chosen
        if one is not None
    ]
    taken = {id(one) for _role, one in chosen}
    reasons += [
        _("Left out: '{name}'. {reason}").format(name=one.name, reason=one.role.reason)
        for one in candidates
        if id(one) not in taken
    ]
    return Guess(
        dce=None if dynamic is None else dynamic.node,
        dce_volumes=() if dynamic is not None else tuple(one.node for one in members),
        times_s=tuple(times_s),
        t1=None if t1 is None else t1.node,
        t2=None if t2 is None else t2.node,
        reasons=tuple(reasons),
    )


def _candidates(scene: slicer.vtkMRMLScene) -> list[_Candidate]:
    found = []
    for node in _nodes(scene):
        is_sequence = node.IsA("vtkMRMLSequenceNode")
        try:
            items = items_of(node) if is_sequence else [node]
            grid = common_grid(items)
        except InputError:
            continue  # what cannot be read is nothing to propose; choosing it by hand says what is wrong
        found.append((node, _header(node, items[0]), grid, len(items)))
    roles = classify_table([{**header, "instanceCount": n * grid.size[2]} for _node, header, grid, n in found])
    return [_Candidate(*one, role) for one, role in zip(found, roles, strict=True)]


def _nodes(scene: slicer.vtkMRMLScene) -> list[slicer.vtkMRMLNode]:
    """Return sequences and volumes that a user has put into the scene."""
    nodes = [*slicer.util.getNodesByClass("vtkMRMLSequenceNode", scene)]
    browsers = slicer.util.getNodesByClass("vtkMRMLSequenceBrowserNode", scene)
    for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode", scene):
        # Subclasses are label maps, colour images and fields.
        shows_a_sequence = any(browser.IsProxyNodeID(node.GetID()) for browser in browsers)
        if node.GetClassName() == "vtkMRMLScalarVolumeNode" and not shows_a_sequence:
            nodes.append(node)
    return [node for node in nodes if not node.GetHideFromEditors() and not any(map(node.GetAttribute, MADE_HERE))]


def _header(node: slicer.vtkMRMLNode, volume: slicer.vtkMRMLNode) -> dict[str, Any]:
    """Return a header; where there is none, what the node's name says stands for it."""
    by_name = name_header(node.GetAttribute(DESCRIPTION) or node.GetName() or "")
    header = {**by_name, **header_of(volume), **header_of(node)}
    # What is compared within a study is here compared within the scene.
    return {"StudyInstanceUID": "scene", "SeriesInstanceUID": node.GetID(), **header}


def _dynamic_sequence(candidates: Sequence[_Candidate]) -> _Candidate | None:
    """Return the sequence that is the dynamic series: one that its name does not speak against."""
    possible = [one for one in candidates if one.role.role in ("dce", "t1") or one.role.confidence == 0]
    return max(
        possible, key=lambda one: (one.role.role == "dce", one.role.confidence, one.phases, -_number(one)), default=None
    )


def _dynamic_volumes(candidates: Sequence[_Candidate]) -> tuple[list[_Candidate], list[float | None]]:
    """Return the volumes that look like phases of one dynamic series, in time order, and their times."""
    groups: list[list[_Candidate]] = []
    for one in candidates:
        if one.phases == 1 and one.role.role == "dce":
            group = next((group for group in groups if _belong_together(group[0], one)), None)
            if group is None:
                groups.append([one])
            else:
                group.append(one)
    phases = [group for group in map(_without_repeated_pre, groups) if len(group) > 1]
    if not phases:
        return [], []
    best = max(phases, key=lambda group: (max(one.role.confidence for one in group), len(group)))
    order = order_phases([Stamp.of_header(one.header) for one in best])
    times_s = order.times_s if None not in order.times_s else [None] * len(best)
    return [best[index] for index in order.order], list(times_s)


def _belong_together(first: _Candidate, second: _Candidate) -> bool:
    if not same_grid(first.grid, second.grid) or is_other_patient(first.node, second.node):
        return False
    for keyword in ("RepetitionTime", "EchoTime", "FlipAngle"):
        a, b = first.header.get(keyword), second.header.get(keyword)
        if isinstance(a, float) and isinstance(b, float) and abs(a - b) > SAME_TECHNIQUE * max(abs(a), abs(b)):
            return False
    return True


def _without_repeated_pre(group: list[_Candidate]) -> list[_Candidate]:
    """Keep the last of several pre-contrast volumes: earlier ones were repeated for a reason (motion, position)."""
    before = [one for one in group if contrast_in_name(one.name) == "pre"]
    if len(before) < 2:
        return group
    order = order_phases([Stamp.of_header(one.header) for one in before]).order
    repeated = {id(before[index]) for index in order[:-1]}
    return [one for one in group if id(one) not in repeated]


def _best(role: Role, candidates: Sequence[_Candidate], frame: Grid | None) -> _Candidate | None:
    """Return the volume for T1 or T2 that the library would take."""
    suitable = [one for one in candidates if may_be(role, one.role)]
    return max(suitable, key=lambda one: merit(one.role, one.header, one.grid, frame, _number(one)), default=None)


def _number(one: _Candidate) -> float:
    number = one.header.get("SeriesNumber")
    return number if isinstance(number, float) else 0.0
