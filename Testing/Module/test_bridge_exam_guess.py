"""Volumes with the names that scanners, Slicer and archives give them are taken for what they are."""

from __future__ import annotations

import random

import pytest
import slicer
from BreastFusionPanel.bridge.exam_guess import Guess, guess_exam
from BreastFusionPanel.bridge.exam_nodes import add_exam, exam_of
from BreastFusionPanel.bridge.geometry import add_volume
from BreastFusionPanel.bridge.sequences import browser_of, sequence_of_volumes
from bridge_parts import GRID, make_exam, ramp, study

from BreastFusionLib.exam.geometry import Grid
from BreastFusionLib.exam.pseudonyms import pseudonym_of

OTHER = Grid((6, 5, 4), (1.0, 1.1, 3.0), (-27.0, 9.0, -4.0))
SHORT = Grid((9, 7, 3), (0.8, 0.9, 4.0), GRID.origin_lps, GRID.direction)


def load(names, grid=GRID) -> None:
    for number, name in enumerate(names):
        add_volume(ramp(number, grid), name)


def names(nodes) -> list[str]:
    return [node.GetName() for node in nodes]


def name(node) -> str | None:
    return None if node is None else node.GetName()


def reason_for(guess: Guess, words: str) -> str:
    return next(reason for reason in guess.reasons if words in reason)


# Phases in time order (shuffled before they are loaded), other volumes with what they are.
STUDIES = {
    "Duke, as Slicer's DICOM module names them": (
        ["2: ax dyn pre", "4: ax dyn 1st pass", "7: ax dyn 2nd pass", "12: ax dyn 3rd pass", "17: ax dyn 4th pass"],
        {"t1": "26: ax t1 tse c"},
    ),
    "Duke, as folders of the archive": (
        [
            *("2.000000-ax dyn pre-75557", "4.000000-ax dyn 1st pass-83574", "7.000000-ax dyn 2nd pass-95244"),
            *("12.000000-ax dyn 3rd pass-17715", "17.000000-ax dyn 4th pass-15661"),
        ],
        {"t1": "26.000000-ax t1 tse c-22492"},
    ),
    "Philips, pre-contrast phase under the plain name": (
        ["600: ax 3d dyn", "601: Ph1/ax 3d dyn", "602: Ph2/ax 3d dyn", "603: Ph3/ax 3d dyn"],
        {"t1": "3: ax t1"},
    ),
    "I-SPY 2": (
        [
            "500: ISPY2: AX VIBRANT-SERIES",
            *(f"{500 + n}: ISPY2: Ph{n}/AX VIBRANT-SERIES" for n in range(1, 11)),
        ],
        {"t2": "3: ISPY2: WATER:IDEAL"},
    ),
    "an exam folder": (["dce_0", "dce_1", "dce_2", "dce_9", "dce_10"], {"t1": "t1", "t2": "t2"}),
    "numbers that sort as text in another order": (
        ["dyn 2", "dyn 4", "dyn 7", "dyn 12", "dyn 17", "dyn 26"],
        {"t2": "ax t2 tirm"},
    ),
}


@pytest.mark.parametrize(("phases", "others"), STUDIES.values(), ids=STUDIES.keys())
def test_volumes_become_phases_in_time_order(scene, phases, others):
    shuffled = random.Random(3).sample(phases, len(phases))
    load(shuffled)
    load(others.values(), OTHER)
    guess = guess_exam(scene)
    assert guess.dce is None
    assert names(guess.dce_volumes) == phases
    assert guess.times_s == (None,) * len(phases)
    assert (name(guess.t1), name(guess.t2)) == (others.get("t1"), others.get("t2"))


def test_seconds_in_the_names_are_times(scene):
    times = (49.6, 69.7, 89.9, 110.0)
    load([f"{7 + n}: twist_20s_dyn_TRA (h20 ex B17)_TT={time}s" for n, time in reversed(list(enumerate(times)))])
    guess = guess_exam(scene)
    assert len(guess.dce_volumes) == 4
    assert guess.times_s == pytest.approx((0.0, 20.1, 40.3, 60.4))


def test_what_was_computed_or_only_positions_is_left_out(scene):
    left_out = {
        "3: 3P LEFT BREAST SCOUT": "a localizer",
        "500: ax dyn sub 1": "a subtraction",
        "41000: Dynamic-3dfgre: SER": "a map computed from the dynamic series",
        "649: PJN": "a projection or a reformat",
        "6: ADC": "an apparent diffusion coefficient map",
    }
    load(["2: ax dyn pre", "4: ax dyn 1st pass", *left_out])
    guess = guess_exam(scene)
    assert names(guess.dce_volumes) == ["2: ax dyn pre", "4: ax dyn 1st pass"]
    assert guess.t1 is guess.t2 is None
    for node_name, why in left_out.items():
        reason = reason_for(guess, node_name.split(": ", 1)[1])
        assert reason.startswith("Left out: ") and why in reason


def test_every_node_that_was_looked_at_has_a_reason(scene):
    load(["2: ax dyn pre", "4: ax dyn 1st pass", "something"])
    load(["26: ax t1 tse c"], OTHER)
    reasons = guess_exam(scene).reasons
    assert [reason.split(":")[0] for reason in reasons] == ["DCE", "DCE", "T1", "Left out"]
    assert reasons[2] == "T1: 'ax t1 tse c'. Its name ('t1') says: T1 weighting."
    assert reasons[3] == "Left out: 'something'. Neither its name nor its header says what it is."


def test_volumes_on_another_grid_are_no_phases(scene):
    load(["2: ax dyn pre", "4: ax dyn 1st pass"])
    load(["9: ax dyn late"], SHORT)
    assert names(guess_exam(scene).dce_volumes) == ["2: ax dyn pre", "4: ax dyn 1st pass"]


def test_a_pre_contrast_volume_that_was_repeated_counts_once(scene):
    load(["2: ax dyn pre", "3: ax dyn pre", "4: ax dyn 1st pass", "7: ax dyn 2nd pass"])
    assert names(guess_exam(scene).dce_volumes) == ["3: ax dyn pre", "4: ax dyn 1st pass", "7: ax dyn 2nd pass"]


def test_a_lone_volume_of_the_dynamic_technique_is_t1(scene):
    load(["5: ax vibrant multiphase pre", "6: ax vibrant multiphase post"])
    load(["3: AX Sen Vibrant"], OTHER)
    guess = guess_exam(scene)
    assert len(guess.dce_volumes) == 2
    assert name(guess.t1) == "3: AX Sen Vibrant"


def test_a_single_dynamic_volume_is_no_series(scene):
    load(["4: ax dyn 1st pass"])
    guess = guess_exam(scene)
    assert (guess.dce, guess.dce_volumes, guess.t1) == (None, (), None)


def test_an_empty_scene_holds_nothing(scene):
    assert guess_exam(scene) == Guess()


def test_t1_and_t2_that_cover_the_breast_go_before_those_that_do_not(scene):
    load(["2: ax dyn pre", "4: ax dyn 1st pass"])
    far = Grid(OTHER.size, OTHER.spacing_mm, (500.0, 500.0, 0.0))
    load(["5: ax t2 tirm head", "6: ax t1 head"], far)
    load(["15: ax t2 tirm", "16: ax t1"], OTHER)
    guess = guess_exam(scene)
    assert (name(guess.t1), name(guess.t2)) == ("16: ax t1", "15: ax t2 tirm")


def test_t1_before_contrast_goes_before_t1_after_it(scene):
    load(["26: ax t1 +c", "3: ax t1 pre", "5: ax t1"], OTHER)
    assert name(guess_exam(scene).t1) == "3: ax t1 pre"


def test_a_sequence_goes_before_volumes(scene):
    volumes = [add_volume(ramp(n), f"{n}: ax dyn {n}") for n in range(3)]
    sequence = sequence_of_volumes(volumes, [None] * 3, "5: AX Sen Vibrant MultiPhase")
    guess = guess_exam(scene)
    assert guess.dce is sequence
    assert guess.dce_volumes == ()
    assert reason_for(guess, "DCE").startswith("DCE: 'AX Sen Vibrant MultiPhase'. Its name")


def test_a_sequence_whose_name_says_nothing_is_taken_and_one_of_something_else_is_not(scene):
    volumes = [add_volume(ramp(n), f"volume {n}") for n in range(2)]
    sequence_of_volumes(volumes, [None] * 2, "DWI b=800")
    assert guess_exam(scene).dce is None
    plain = sequence_of_volumes(volumes, [None] * 2, "Sequence")
    assert guess_exam(scene).dce is plain


def test_what_only_shows_a_sequence_or_was_made_here_is_passed_over(scene):
    parameters = study()
    list(add_exam(make_exam(), parameters))
    browser_of(parameters.dceSequence)
    made = add_volume(ramp(7), "ax dyn subtraction T2")
    made.SetAttribute("BreastFusion.madeOf", "12 13")
    scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "t2 labels")
    scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "t2 not loaded")
    guess = guess_exam(scene)
    assert guess.dce is parameters.dceSequence
    assert guess.t1 is parameters.t1Volume
    assert guess.t2 is None
    assert len(guess.reasons) == 2


def test_an_exam_that_was_added_is_guessed_as_it_was(scene, phantom_exam):
    parameters = study()
    list(add_exam(phantom_exam.exam, parameters))
    guess = guess_exam(scene)
    assert (guess.dce, guess.t1, guess.t2) == (parameters.dceSequence, parameters.t1Volume, parameters.t2Volume)


KEYWORDS = {
    "0008,103e": "SeriesDescription",
    "0010,0020": "PatientID",
    "0018,0080": "RepetitionTime",
    "0018,0087": "MagneticFieldStrength",
    "0020,0011": "SeriesNumber",
    "0020,000e": "SeriesInstanceUID",
    "0008,0032": "AcquisitionTime",
    "0020,0060": "Laterality",
    "0018,0010": "ContrastBolusAgent",
}


class Database:
    """As Slicer's DICOM database answers: texts by instance and tag."""

    def __init__(self) -> None:
        self.headers: dict[str, dict[str, str]] = {}

    def add(self, node_name: str, seed: int, grid=GRID, **header: str) -> None:
        uid = f"1.2.{seed}"
        node = add_volume(ramp(seed, grid), node_name)
        node.SetAttribute("DICOM.instanceUIDs", f"{uid} {uid}.9")
        self.headers[uid] = {"SeriesInstanceUID": uid, **header}

    def instanceValue(self, uid: str, tag: str) -> str:
        return self.headers[uid].get(KEYWORDS.get(tag, ""), "")


@pytest.fixture
def database(scene, monkeypatch):
    database = Database()
    monkeypatch.setattr(slicer, "dicomDatabase", database, raising=False)
    return database


def test_headers_go_before_names(database, scene):
    common = {"SeriesDescription": "t1_fl3d_tra dynaVIEWS", "RepetitionTime": "4.1"}
    database.add("c", 1, AcquisitionTime="235830.5", **common)
    database.add("a", 2, AcquisitionTime="000130.75", **common)
    database.add("b", 3, AcquisitionTime="000001.0", **common)
    database.add("t2, says its name", 4, OTHER, SeriesDescription="ax t1", SeriesNumber="4")
    guess = guess_exam(scene)
    assert names(guess.dce_volumes) == ["c", "b", "a"], "midnight lies between the first two"
    assert guess.times_s == (0.0, 90.5, 180.25)
    assert name(guess.t1) == "t2, says its name"


def test_volumes_of_another_technique_are_no_phases(database, scene):
    for seed, time in enumerate(("100000", "100130")):
        database.add(f"dyn {seed}", seed, SeriesDescription="ax dyn", RepetitionTime="4.1", AcquisitionTime=time)
    database.add("dyn 9", 9, SeriesDescription="ax dyn", RepetitionTime="9.8", AcquisitionTime="101500")
    assert names(guess_exam(scene).dce_volumes) == ["dyn 0", "dyn 1"]


def test_an_exam_of_slicers_own_dicom_volumes_knows_scanner_side_and_pseudonym(database, scene):
    header = {"SeriesDescription": "ax dyn", "PatientID": "MRN 4711", "MagneticFieldStrength": "1.5", "Laterality": "L"}
    database.add("ax dyn", 1, AcquisitionTime="100000", **header)
    database.add("ax dyn", 2, AcquisitionTime="100130", **header)
    database.add("ax t1", 3, OTHER, SeriesDescription="ax t1", ContrastBolusAgent="Gadovist")
    guess, parameters = guess_exam(scene), study()
    parameters.dceSequence = sequence_of_volumes(guess.dce_volumes, guess.times_s, "DCE")
    parameters.t1Volume = guess.t1
    exam = exam_of(parameters)
    assert [phase.time_s for phase in exam.dce.phases] == [0.0, 90.0]
    assert exam.dce.acquisition == {"MagneticFieldStrength": 1.5, "Laterality": "L"}
    assert exam.t1.contrast == "post"
    assert exam.pseudonym == pseudonym_of("MRN 4711")
    assert "4711" not in str(exam)
