"""Small DICOM studies made on the spot: the tests own every number in them."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian, MRImageStorage, generate_uid

from BreastFusionLib.exam.geometry import Grid

STUDY_UID = generate_uid(entropy_srcs=["study"])
FRAME_UID = generate_uid(entropy_srcs=["frame"])
# Non-square, anisotropic, off-centre: an axis swapped anywhere shows.
GRID = Grid((7, 5, 6), (0.8, 0.9, 2.0), (-20.0, 10.0, -5.0))

DCE = {"RepetitionTime": 4.1, "EchoTime": 1.4, "FlipAngle": 12.0, "ScanningSequence": "GR"}


def volume(seed: int = 0, grid: Grid = GRID) -> np.ndarray:
    """Return stored pixels [k, j, i] that differ everywhere."""
    return np.random.default_rng(seed).integers(0, 2000, grid.size[::-1]).astype(np.uint16)


class StudyWriter:
    """Writes series of one patient into a folder, slices in random order under meaningless names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._random = random.Random(0)
        self._files = 0

    def series(
        self,
        pixels: np.ndarray,
        description: str,
        number: int = 1,
        grid: Grid = GRID,
        uid: str | None = None,
        header: Mapping[str, Any] | None = None,
        of_slice: Callable[[int], Mapping[str, Any]] | None = None,
        subfolder: str = "",
        first_instance: int = 1,
    ) -> list[Path]:
        """Write one volume and return its files, lowest slice first."""
        uid = uid or generate_uid(entropy_srcs=[description, str(number)])
        paths = []
        for k, plane in enumerate(pixels):
            dataset = _header(MRImageStorage, description, number, uid, grid, plane)
            dataset.ImagePositionPatient = grid.physical((0, 0, k)).tolist()
            dataset.ImageOrientationPatient = np.reshape(grid.direction, (3, 3))[:, :2].T.ravel().tolist()
            dataset.PixelSpacing = [grid.spacing_mm[1], grid.spacing_mm[0]]
            dataset.SliceThickness = 1.0
            dataset.InstanceNumber = first_instance + len(pixels) - 1 - k  # against the position
            for keyword, value in {**DCE, **(header or {}), **(of_slice(k) if of_slice else {})}.items():
                setattr(dataset, keyword, value)
            dataset.PixelData = plane.tobytes()
            paths.append(self._save(dataset, subfolder))
        return paths

    def enhanced(self, phases: list[np.ndarray], description: str, times: list[str], grid: Grid = GRID) -> Path:
        """Write all phases into one enhanced multi-frame file, slice by slice, the highest first."""
        frames, groups = [], []
        for k in reversed(range(grid.size[2])):
            for phase, pixels in enumerate(phases):
                frames.append(pixels[k])
                groups.append(_frame(grid, k, phase + 1, times[phase]))
        uid = generate_uid(entropy_srcs=[description])
        dataset = _header(EnhancedMRImageStorage, description, 7, uid, grid, frames[0])
        dataset.NumberOfFrames = len(frames)
        shared = Dataset()
        measures = Dataset()
        measures.PixelSpacing, measures.SliceThickness = [grid.spacing_mm[1], grid.spacing_mm[0]], 1.0
        shared.PixelMeasuresSequence = [measures]
        orientation = Dataset()
        orientation.ImageOrientationPatient = np.reshape(grid.direction, (3, 3))[:, :2].T.ravel().tolist()
        shared.PlaneOrientationSequence = [orientation]
        scaling = Dataset()
        scaling.RescaleSlope, scaling.RescaleIntercept = 2.0, -3.0
        shared.PixelValueTransformationSequence = [scaling]
        dataset.SharedFunctionalGroupsSequence = [shared]
        dataset.PerFrameFunctionalGroupsSequence = groups
        dataset.PixelData = np.stack(frames).tobytes()
        return self._save(dataset, "")

    def _save(self, dataset: Dataset, subfolder: str) -> Path:
        folder = self.folder / subfolder
        folder.mkdir(parents=True, exist_ok=True)
        self._files += 1
        path = folder / f"{self._random.randrange(10**6):06d}_{self._files}"
        dataset.save_as(path, enforce_file_format=True)
        return path


def _header(class_uid: str, description: str, number: int, uid: str, grid: Grid, plane: np.ndarray) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = class_uid
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid()
    dataset.PatientID, dataset.PatientName = "12345678", "Mustermann^Erika"
    dataset.StudyInstanceUID, dataset.FrameOfReferenceUID = STUDY_UID, FRAME_UID
    dataset.SeriesInstanceUID, dataset.SeriesNumber, dataset.SeriesDescription = uid, number, description
    dataset.StudyDate, dataset.Modality = "20200101", "MR"
    dataset.Manufacturer, dataset.MagneticFieldStrength = "SIEMENS", 1.5
    dataset.Columns, dataset.Rows = grid.size[:2]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 1 if plane.dtype == np.int16 else 0
    return dataset


def _frame(grid: Grid, k: int, phase: int, time: str) -> Dataset:
    group, place, content = Dataset(), Dataset(), Dataset()
    place.ImagePositionPatient = grid.physical((0, 0, k)).tolist()
    group.PlanePositionSequence = [place]
    content.TemporalPositionIndex = phase
    content.FrameAcquisitionDateTime = f"20200101{time}"
    group.FrameContentSequence = [content]
    return group


@pytest.fixture
def study(tmp_path: Path) -> StudyWriter:
    """An empty study with a non-ASCII path."""
    return StudyWriter(tmp_path / "Prüfung Łódź" / "studie")


@pytest.fixture
def grid() -> Grid:
    """The grid of the studies' volumes."""
    return GRID


@pytest.fixture
def pixels() -> Callable[..., np.ndarray]:
    """Makes stored pixels [k, j, i]."""
    return volume
