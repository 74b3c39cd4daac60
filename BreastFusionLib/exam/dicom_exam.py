"""From a folder of DICOM files to an exam: one patient, roles, one dynamic series, at most one T1 and one T2."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import SimpleITK as sitk

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.choosing import may_be, merit
from BreastFusionLib.exam.contrast import contrast_state
from BreastFusionLib.exam.dicom_dce import Candidate, Dynamic, find_dynamic
from BreastFusionLib.exam.dicom_files import Scan, Slice, scan
from BreastFusionLib.exam.dicom_frames import acquisition_of
from BreastFusionLib.exam.dicom_series import group_stacks, split_kinds, split_phases, volume_of
from BreastFusionLib.exam.dicom_volume import read_volume
from BreastFusionLib.exam.geometry import Grid, plane_axes
from BreastFusionLib.exam.model import Contrast, Exam, Phase, Role, Series, missing_phases
from BreastFusionLib.exam.phases import unwrapped
from BreastFusionLib.exam.pseudonyms import hashed_uid, pseudonym_of, without_patient
from BreastFusionLib.exam.roles import SeriesRole, classify_table

__all__ = ["read_dicom_exam"]

_USED: tuple[Role, ...] = ("dce", "t1", "t2")


def read_dicom_exam(path: Path, synthetic: bool | None = None) -> Exam:
    """Read the headers of all DICOM files at `path` into an exam; pixels are read when an image is asked for.

    Args:
        path: a folder (any depth), or one multi-frame file.
        synthetic: whether it is a phantom; None asks the files (QualityControlImage).

    Raises:
        InputError: no MR images, two patients or two visits, truncated files, or a series that is needed has
            missing, duplicate or uneven slices.
    """
    found = scan(path)
    if not found.slices:
        raise InputError(
            f"{path} holds no MR images. {' '.join(found.warnings)} Point to the folder with an exam's DICOM files."
        )
    patient = _only_patient(found, path)
    _only_visit(found, path)
    candidates = _candidates(found.slices)
    if all(len(candidate.slices) == 1 for candidate in candidates):
        raise InputError(
            f"{path} holds only 2-D images, such as {found.slices[0].name}; volumes of several slices are expected. "
            "Point to the folder of the whole study."
        )
    warnings = list(found.warnings)
    dynamic = find_dynamic(candidates)
    chosen: dict[int, SeriesRole] = {}
    if dynamic is not None:
        warnings += dynamic.warnings
    for role in ("t1", "t2"):
        chosen |= _choose(role, candidates, dynamic, warnings)
    series = _all_series(candidates, dynamic, chosen)
    warnings += missing_phases(None if dynamic is None else series[0])
    if synthetic is None:
        synthetic = all(one.header.get("QualityControlImage") == "YES" for one in found.slices)
    secrets = (*patient, str(path.absolute()))
    return Exam(
        series=tuple(_without_patient(one, secrets) for one in series),
        pseudonym=pseudonym_of(patient[0] or str(found.slices[0].header.get("StudyInstanceUID", ""))),
        warnings=tuple(dict.fromkeys(without_patient(sentence, secrets) for sentence in warnings)),
        synthetic=synthetic,
        folder=str(path),
        age_years=next((age for one in found.slices if (age := one.header.get("PatientAge")) is not None), None),
    )


def _without_patient(series: Series, secrets: Iterable[str]) -> Series:
    description, reason = (without_patient(text, secrets) for text in (series.description, series.reason))
    return replace(series, description=description, reason=reason)


def _only_patient(found: Scan, path: Path) -> tuple[str, str]:
    """Return (id, name) of the one patient; two are an error that names files, never patients."""
    first: dict[str, Slice] = {}
    for one in found.slices:
        identity = str(one.header.get("PatientID", "") or one.header.get("PatientName", "")).strip()
        first.setdefault(identity, one)
    named = {identity: one for identity, one in first.items() if identity}
    if len(named) > 1:
        examples = " and ".join(str(one.path) for one in list(named.values())[:2])
        raise InputError(
            f"{path} holds images of {len(named)} patients, for example {examples}. Point to the folder of one patient."
        )
    header = next(iter(named.values() or first.values())).header
    return str(header.get("PatientID", "")).strip(), str(header.get("PatientName", "")).strip()


def _only_visit(found: Scan, path: Path) -> None:
    first: dict[tuple[str, str], Slice] = {}
    for one in found.slices:
        study = (str(one.header.get("StudyInstanceUID", "")), str(one.header.get("StudyDate", "")))
        first.setdefault(study, one)
    # Anonymised studies share a made-up date; one visit may also be stored as two studies of the same day.
    if len({date for _, date in first if date}) > 1:
        folders = " and ".join(str(one.path.parent) for one in list(first.values())[:2])
        raise InputError(f"{path} holds visits of different days, for example in {folders}. Point to one visit.")


def _candidates(slices: Sequence[Slice]) -> list[Candidate]:
    """Make a candidate of every stack of one kind: its role by its header, its volumes, or why there are none."""
    stacks = [kind for stack in group_stacks(slices) for kind in split_kinds(stack)]
    roles = classify_table([{**stack[0].header, "instanceCount": len(stack)} for stack in stacks])
    candidates = []
    for stack, role in zip(stacks, roles, strict=True):
        if len(stack) == 1 and role.role in _USED:
            role = SeriesRole("other", 1.0, f"A single slice is no volume. {role.reason}")
        try:
            volumes = tuple(volume_of(phase) for phase in split_phases(stack))
            candidates.append(Candidate(tuple(stack), role, volumes))
        except InputError as error:
            candidates.append(Candidate(tuple(stack), role, (), str(error)))
    return sorted(candidates, key=lambda candidate: (candidate.number, candidate.description))


def _choose(
    role: Role, candidates: Sequence[Candidate], dynamic: Dynamic | None, warnings: list[str]
) -> dict[int, SeriesRole]:
    """Choose at most one series for T1 or T2; return the final roles of all that could have been it, by id."""
    taken = {id(member) for member in dynamic.members} if dynamic is not None else set()
    suitable = [c for c in candidates if id(c) not in taken and _may_be(c, role)]
    whole = [c for c in suitable if len(c.volumes) == 1]
    if not whole:
        for broken in suitable:
            if broken.problem and broken.role.role == role:
                raise InputError(broken.problem)
        return {}
    frame = dynamic.volumes[0].grid if dynamic is not None else None
    best = max(whole, key=lambda c: merit(c.role, c.header, c.volumes[0].grid, frame, c.number))
    roles = {id(best): replace(best.role, role=role)}
    for other in suitable:
        if other is best:
            continue
        if other.problem and other.role.role == role:
            warnings.append(f"{other.problem} The exam goes on without this series.")
        if other.role.role == role:
            why = f"Left out as {role.upper()}: '{best.description}' is used. {other.role.reason}"
            roles[id(other)] = SeriesRole("other", other.role.confidence, why)
    return roles


def _may_be(candidate: Candidate, role: Role) -> bool:
    return candidate.role.role == role or (len(candidate.volumes) == 1 and may_be(role, candidate.role))


def _all_series(
    candidates: Sequence[Candidate], dynamic: Dynamic | None, chosen: dict[int, SeriesRole]
) -> list[Series]:
    """Make the exam's series: the dynamic one, T1, T2, then everything else with why it is left out."""
    clock = _Clock.of(candidates, dynamic)
    series = [] if dynamic is None else [_dynamic_series(dynamic)]
    members = {id(member) for member in dynamic.members} if dynamic is not None else set()
    rest = []
    for candidate in candidates:
        if id(candidate) in members:
            continue
        role = chosen.get(id(candidate), candidate.role)
        if role.role == "dce":
            used = "no phases could be told" if dynamic is None else f"'{dynamic.description}' is used"
            role = SeriesRole("other", role.confidence, f"Left out as DCE: {used}. {role.reason}")
        elif role.role in _USED and id(candidate) not in chosen:
            why = f"Left out as {role.role.upper()}: it holds {len(candidate.volumes)} volumes, one is expected."
            role = SeriesRole("other", role.confidence, f"{why} {role.reason}")
        contrast = contrast_state(candidate.header, clock.times_s.get(id(candidate)), clock.before_s, clock.after_s)
        rest += [_single_series(candidate, role, contrast, number) for number in range(max(1, len(candidate.volumes)))]
    rest.sort(key=lambda one: _USED.index(one.role) if one.role in _USED else len(_USED))
    return series + rest


@dataclass(frozen=True)
class _Clock:
    """Acquisition times of all series on one axis, and those of the first two phases."""

    times_s: dict[int, float]
    before_s: float | None = None
    after_s: float | None = None

    @classmethod
    def of(cls, candidates: Sequence[Candidate], dynamic: Dynamic | None) -> _Clock:
        volumes = {id(c): c.volumes[0].stamp.acquisition_s for c in candidates if c.volumes}
        known = {key: time for key, time in volumes.items() if time is not None}
        if dynamic is None or len(dynamic.volumes) < 2 or not known:
            return cls({})
        times = dict(zip(known, unwrapped(list(known.values())), strict=True))
        first = next(m for m in dynamic.members if dynamic.volumes[0] in m.volumes)
        before, step = times.get(id(first)), dynamic.times_s[1]
        return cls(times, before, None if before is None or step is None else before + step)


def _dynamic_series(dynamic: Dynamic) -> Series:
    first = dynamic.volumes[0]
    phases = tuple(
        Phase(time, partial(read_volume, volume.slices, first.grid), len(volume.slices))
        for volume, time in zip(dynamic.volumes, dynamic.times_s, strict=True)
    )
    return Series(
        role="dce",
        description=dynamic.description,
        reason=dynamic.reason,
        contrast="post" if len(phases) > 1 else contrast_state(first.slices[0].header),
        phases=phases,
        grid=first.grid,
        acquisition=acquisition_of(first.slices[0].header),
        sources=_sources(one for volume in dynamic.volumes for one in volume.slices),
    )


def _single_series(candidate: Candidate, role: SeriesRole, contrast: Contrast, number: int) -> Series:
    if candidate.volumes:
        volume = candidate.volumes[number]
        grid, slices = volume.grid, volume.slices
        phase = Phase(None, partial(read_volume, slices, grid), len(slices))
    else:  # broken and not needed: its pixels can be asked for, and the answer is what is wrong with it
        slices = candidate.slices
        grid = _nominal_grid(slices)
        phase = Phase(None, partial(_refuse, candidate.problem), len(slices))
    return Series(
        role=role.role,
        description=candidate.description,
        reason=f"{role.reason} {candidate.problem}".strip(),
        contrast=contrast,
        phases=(phase,),
        grid=grid,
        acquisition=acquisition_of(slices[0].header),
        sources=_sources(slices),
    )


def _refuse(problem: str) -> sitk.Image:
    raise InputError(problem)


def _nominal_grid(slices: Sequence[Slice]) -> Grid:
    header = slices[0].header
    down, across = header["PixelSpacing"]
    thickness = float(header.get("SliceThickness") or 1.0)
    size = (int(header["Columns"]), int(header["Rows"]), len(slices))
    origin, axes = slices[0].position_lps, plane_axes(slices[0].orientation)
    return Grid(size, (float(across), float(down), thickness), tuple(origin.tolist()), tuple(axes.T.ravel().tolist()))


def _sources(slices: Iterable[Slice]) -> tuple[str, ...]:
    uids = dict.fromkeys(str(one.header.get("SeriesInstanceUID", "")) for one in slices)
    return tuple(hashed_uid(uid) for uid in uids)
