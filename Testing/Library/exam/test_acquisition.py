"""How a series was taken, from headers as scanners and exporters write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from BreastFusionLib.exam import Exam, Series, acquisition_columns, read_exam
from BreastFusionLib.exam.acquisition import ACQUISITION_COLUMNS
from BreastFusionLib.exam.geometry import Grid

pytestmark = pytest.mark.fast

GRID = Grid((448, 448, 160), (0.75, 0.75, 1.1))


def exam_with(**acquisition: Any) -> Exam:
    return Exam((Series("dce", "ax dyn", "", "post", (), GRID, acquisition),), "P")


def test_columns_of_a_real_exam_are_those_of_its_headers(duke_folder: Path) -> None:
    exam = read_exam(duke_folder / "dicom")
    assert acquisition_columns(exam) == {
        "field_strength_t": 1.5,
        "repetition_time_ms": 4.12,
        "echo_time_ms": 1.39,
        "flip_angle_deg": 12.0,
        "echo_train_length": 1.0,
        "imaging_frequency_mhz": pytest.approx(63.676599),
        "pixel_spacing_mm": pytest.approx(0.75893, abs=1e-5),
        "slice_spacing_mm": pytest.approx(1.1),
        "scanner_model": "Avanto",
        "manufacturer": "SIEMENS",
    }  # its headers hold no reconstruction diameter: it is absent, not guessed
    t1 = acquisition_columns(exam, "t1")
    assert (t1["repetition_time_ms"], t1["echo_time_ms"], t1["echo_train_length"]) == (600.0, 12.0, 7.0)
    assert t1["slice_spacing_mm"] == pytest.approx(3.99) and acquisition_columns(exam, "t2") == {}


def test_every_column_has_a_name_in_the_list() -> None:
    known = acquisition_columns(
        exam_with(
            MagneticFieldStrength=3.0,
            RepetitionTime=5.0,
            EchoTime=2.0,
            FlipAngle=10.0,
            EchoTrainLength=1,
            ReconstructionDiameter=340.0,
            ImagingFrequency=127.7,
            ManufacturerModelName="Signa  HDxt ",
            Manufacturer="GE MEDICAL SYSTEMS",
        )
    )
    assert tuple(known) == ACQUISITION_COLUMNS and known["scanner_model"] == "Signa HDxt"


@pytest.mark.parametrize(
    ("keyword", "written", "column", "meant"),
    [
        ("MagneticFieldStrength", 15000, "field_strength_t", 1.5),  # gauss
        ("MagneticFieldStrength", 10000, "field_strength_t", 1.0),
        ("MagneticFieldStrength", 3000, "field_strength_t", 3.0),  # millitesla
        ("MagneticFieldStrength", "1.494", "field_strength_t", 1.494),
        ("RepetitionTime", 0.00412, "repetition_time_ms", 4.12),  # seconds
        ("EchoTime", 0.00139, "echo_time_ms", 1.39),
        ("ImagingFrequency", 63676599, "imaging_frequency_mhz", 63.676599),  # hertz
        ("ReconstructionDiameter", 34, "reconstruction_diameter_mm", 340.0),  # centimetres
    ],
)
def test_other_units_are_recognised(keyword: str, written: Any, column: str, meant: float) -> None:
    assert acquisition_columns(exam_with(**{keyword: written}))[column] == pytest.approx(meant)


@pytest.mark.parametrize("written", [0, -1.5, "unknown", float("nan"), [1.5, 3.0], 1e9, 10**400, None])
def test_a_value_that_cannot_be_one_is_missing(written: Any) -> None:
    assert "field_strength_t" not in acquisition_columns(exam_with(MagneticFieldStrength=written))
