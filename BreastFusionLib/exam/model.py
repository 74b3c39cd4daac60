"""What an exam is: series with roles, phases with times, nothing of where the files came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import SimpleITK as sitk

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Box, Grid, crop

__all__ = ["Contrast", "Exam", "Phase", "Role", "Series", "Side", "missing_phases"]

Role = Literal["dce", "t1", "t2", "dwi", "adc", "derived", "localizer", "other"]
Contrast = Literal["pre", "post", "unknown"]
Side = Literal["left", "right", "unknown"]


class Phase:
    """One volume of a series: its time and its image, read from disk when first asked for and then kept."""

    def __init__(
        self, time_s: float | None, image: sitk.Image | Callable[[], sitk.Image], slices: int | None = None
    ) -> None:
        """Take a phase.

        Args:
            time_s: seconds after the pre-contrast phase (0 for that phase); None when no file tells.
            image: the volume, or a function that reads it.
            slices: number of slices, when it is known without reading the volume.
        """
        self.time_s = time_s
        self._image: sitk.Image | None = None if callable(image) else image
        self._read = image if callable(image) else None
        self._slices = slices

    @property
    def image(self) -> sitk.Image:
        """The volume (3-D, LPS physical space, scanner units or what the file holds)."""
        if self._image is None:
            self._image = self.read()
        return self._image

    def read(self) -> sitk.Image:
        """Return the volume without keeping it: for who copies it to another place, such as a scene."""
        if self._image is not None:
            return self._image
        assert self._read is not None
        return self._read()

    def part(self, box: Box) -> sitk.Image:
        """Return the voxels inside a box of the volume, where they lie; what is outside the volume is 0.

        A phase that can read a part without the whole does so.
        """
        image = self.image
        return image if box.size == image.GetSize() and box.start == (0, 0, 0) else crop(image, box)

    def every(self, steps: tuple[int, int, int]) -> sitk.Image:
        """Return every n-th voxel along (i, j, k): enough for who looks for large things.

        A phase that can read these without the whole does so.
        """
        return self.image[:: steps[0], :: steps[1], :: steps[2]]

    @property
    def slices(self) -> int:
        """Number of slices of the volume."""
        return self._slices if self._slices is not None else int(self.image.GetSize()[2])


@dataclass(frozen=True)
class Series:
    """One series of an exam; a DCE series holds all phases in time order, the pre-contrast one first.

    Attributes:
        role: what the series is for.
        description: the scanner's series description(s), free of patient data.
        reason: one sentence that says why it has this role.
        contrast: whether it was taken before or after contrast; of a DCE series 'post'.
        phases: the volumes; exactly one for anything but DCE.
        grid: the common grid of all phases.
        acquisition: DICOM keyword -> plain value, of the first file (MagneticFieldStrength, RepetitionTime, ..);
            never patient data.
        sources: hashed series UIDs.
    """

    role: Role
    description: str
    reason: str
    contrast: Contrast
    phases: tuple[Phase, ...]
    grid: Grid
    acquisition: Mapping[str, Any] = field(default_factory=dict)
    sources: tuple[str, ...] = ()

    @property
    def image(self) -> sitk.Image:
        """The volume of a series with one phase."""
        return self.only_phase.image

    @property
    def only_phase(self) -> Phase:
        """The phase of a series that has but one."""
        if len(self.phases) != 1:
            raise ValueError(f"the {self.role} series has {len(self.phases)} phases: choose one with .phase(i)")
        return self.phases[0]

    def phase(self, number: int) -> Phase:
        """Return phase `number`, 0 being the pre-contrast one.

        Raises:
            InputError: when the series has no such phase.
        """
        if not 0 <= number < len(self.phases):
            raise InputError(
                f"The {self.role} series '{self.description}' has {len(self.phases)} phases, numbered 0 (before "
                f"contrast) to {len(self.phases) - 1}; phase {number} does not exist. Choose another one."
            )
        return self.phases[number]


@dataclass(frozen=True)
class Exam:
    """One patient, one visit.

    Attributes:
        series: all series that were recognised, with their roles; at most one each of 'dce', 't1' and 't2'.
        pseudonym: a name without patient data (hash of the patient id, or the folder's name for files).
        warnings: sentences about what is odd.
        synthetic: whether it is a phantom.
        folder: where it was read from, for messages.
        age_years: the patient's age as the headers tell it (`age.age_in_years`); None where they do not.
    """

    series: tuple[Series, ...]
    pseudonym: str
    warnings: tuple[str, ...] = ()
    synthetic: bool = False
    folder: str = ""
    age_years: int | None = None

    def get(self, role: Role) -> Series | None:
        """Return the series used for a role, or None."""
        return next((series for series in self.series if series.role == role), None)

    @property
    def dce(self) -> Series:
        """The DCE series.

        Raises:
            InputError: when the exam has none.
        """
        found = self.get("dce")
        if found is None:
            seen = "; ".join(f"'{s.description}' ({s.role})" for s in self.series) or "no series at all"
            raise InputError(
                f"{self.folder or self.pseudonym} holds no DCE series (one before and at least one after contrast). "
                f"Found: {seen}. Point to the folder of the whole study, or build an exam folder with exam.json."
            )
        return found

    @property
    def t1(self) -> Series | None:
        """The T1 series apart from DCE, if any."""
        return self.get("t1")

    @property
    def t2(self) -> Series | None:
        """The T2 series, if any."""
        return self.get("t2")


def missing_phases(dce: Series | None) -> list[str]:
    """Return a sentence for an exam's warnings when its DCE series is absent or has one phase; else nothing."""
    if dce is None:
        return ["No DCE series was recognised: only what needs no phases can be done with this exam."]
    if len(dce.phases) == 1:
        return [
            f"The DCE series '{dce.description}' has one phase only: kinetics and post-contrast images need the "
            "phases after contrast."
        ]
    return []
