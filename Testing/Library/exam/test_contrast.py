"""Before or after contrast."""

from __future__ import annotations

import pytest

from BreastFusionLib.exam.contrast import contrast_in_name, contrast_state

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("description", "state"),
    [
        ("ax dyn pre", "pre"),
        ("AX Sen Vibrant MASK", "pre"),
        ("AX Sen Vibrant MASK+F", "pre"),
        ("t1_fl3d_tra_spair_pre", "pre"),
        ("T1 nativ", "pre"),
        ("ax t1 tse +c", "post"),
        ("Sag T2 FS Left+C", "post"),
        ("AX Sen Vibrant+F +C", "post"),
        ("ax dyn 2nd pass", "post"),
        ("Ph3/ax 3d dyn", "post"),
        ("dce_post1_rightbreast", "post"),
        ("ISPY2: AX VIBE POST FAT SAT", "post"),
        ("axial t1 spgr gad", "post"),
        ("AX VIBRANT PRE/POST", "unknown"),
        ("ax t2 fse", "unknown"),
        ("SPAIR compressed", "unknown"),
    ],
)
def test_names(description: str, state: str) -> None:
    assert contrast_in_name(description) == state


def test_the_name_is_believed_before_clock_and_agent() -> None:
    header = {"SeriesDescription": "t1 pre", "ContrastBolusAgent": "Gadovist"}
    assert contrast_state(header, 900, 100, 200) == "pre"


def test_what_came_before_the_pre_contrast_phase_holds_no_contrast_whatever_the_tag_says() -> None:
    header = {"SeriesDescription": "ax t2", "ContrastBolusAgent": "Gadovist"}
    assert contrast_state(header, 50, 100, 200) == "pre"
    assert contrast_state(header, 300, 100, 200) == "post"
    assert contrast_state({"SeriesDescription": "ax t2"}, 150, 100, 200) == "unknown"  # between: before the injection?


def test_the_agent_decides_last_and_its_absence_not_at_all() -> None:
    assert contrast_state({"SeriesDescription": "ax t2", "ContrastBolusAgent": "magnevist"}) == "post"
    assert contrast_state({"SeriesDescription": "ax t2", "ContrastBolusAgent": "NONE"}) == "unknown"
    assert contrast_state({"SeriesDescription": "ax t2"}) == "unknown"
