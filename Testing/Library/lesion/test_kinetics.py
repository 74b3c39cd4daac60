"""Time-intensity curves whose numbers can be worked out by hand, in the words of BI-RADS."""

import json
import math

import numpy as np
import pytest
import SimpleITK as sitk

from BreastFusionLib.errors import InputError
from BreastFusionLib.files import to_plain
from BreastFusionLib.lesion import KINETIC_FEATURES, measure_kinetics

pytestmark = pytest.mark.fast


@pytest.fixture
def mask(upright, make):
    return make.box_mask(upright, (10, 10, 4), (5, 5, 4))


def curve(make, upright, mask, signals, times_s=None):
    return measure_kinetics(make.flat_exam(upright, signals, times_s=times_s).dce, mask)


def test_every_number_of_a_hand_made_curve(upright, make, mask):
    found = curve(make, upright, mask, (100, 250, 240, 220, 200), (0, 90, 180, 270, 360))
    assert [phase.mean for phase in found.phases] == [100, 250, 240, 220, 200]
    assert [phase.time_s for phase in found.phases] == [0, 90, 180, 270, 360]
    assert [phase.percent for phase in found.phases] == [0, 150, 140, 120, 100]
    assert found.initial_percent == 150
    assert found.initial_rise == "fast"
    assert found.delayed_percent == pytest.approx(-20)
    assert found.curve == "wash-out"
    assert found.ser == pytest.approx(1.5)
    assert found.peak_percent == 150
    assert found.time_to_peak_s == 90
    assert (found.washout_share, found.plateau_share, found.persistent_share) == (1, 0, 0)
    assert (found.worst_curve, found.worst_curve_share) == ("wash-out", 1)
    assert (found.initial_percent_sd, found.delayed_percent_sd) == (0, 0)
    assert found.voxels == 100
    assert found.warnings == ()
    assert found.describe() == "initial rise +150 %, fast; delayed phase wash-out (-20 %)"


@pytest.mark.parametrize(
    ("signals", "words"),
    [
        ((100, 114, 112), ("hardly enhances (at most +14 %)", "outline")),
        ((100, 89, 200), ("darker than before it (down to -11 %)", "which phase is the one before contrast")),
        ((100, 116, 112), ()),
        ((100, 91, 150), ()),
    ],
)
def test_a_curve_of_other_tissue_or_of_phases_in_the_wrong_order_is_told(upright, make, mask, signals, words):
    warnings = curve(make, upright, mask, signals, (0, 90, 360)).warnings
    assert len(warnings) == bool(words)
    assert all(word in warnings[0] for word in words)


@pytest.mark.parametrize(
    ("signal", "word"), [(149, "slow"), (150, "medium"), (200, "medium"), (201, "fast"), (90, "slow")]
)
def test_the_initial_rise_in_words(upright, make, mask, signal, word):
    assert curve(make, upright, mask, (100, signal, signal), (0, 90, 360)).initial_rise == word


@pytest.mark.parametrize(
    ("last", "word"),
    [(179, "wash-out"), (180, "plateau"), (200, "plateau"), (220, "plateau"), (221, "persistent")],
)
def test_the_delayed_phase_in_words(upright, make, mask, last, word):
    assert curve(make, upright, mask, (100, 200, last), (0, 90, 360)).curve == word


def test_the_initial_peak_is_sought_within_two_minutes_of_the_first_phase(upright, make, mask):
    signals = (100, 180, 200, 210, 170)
    within = curve(make, upright, mask, signals, (0, 60, 180, 200, 300))
    assert within.initial_percent == 100
    assert within.delayed_percent == pytest.approx(-15)
    assert within.peak_percent == 110
    assert within.time_to_peak_s == 200


def test_a_first_phase_after_three_minutes_gives_no_word_for_the_rise(upright, make, mask):
    assert curve(make, upright, mask, (100, 250, 200), (0, 180, 400)).initial_rise == "fast"
    found = curve(make, upright, mask, (100, 250, 200), (0, 181, 400))
    assert found.initial_percent == 150
    assert found.initial_rise is None
    assert found.time_to_peak_s is None
    assert "181 s" in found.warnings[0] and "unknown" in found.warnings[0]
    assert found.describe().startswith("initial rise +150 %, timing unknown")


def test_without_times_the_order_alone_is_used_and_said(upright, make, mask):
    found = curve(make, upright, mask, (100, 200, 240, 170), (None, None, None, None))
    assert found.initial_percent == 100
    assert found.initial_rise is None
    assert found.delayed_percent == pytest.approx(-15)
    assert found.time_to_peak_s is None
    assert "only their order" in found.warnings[0]


def test_one_missing_time_is_as_good_as_none(upright, make, mask):
    assert "only their order" in curve(make, upright, mask, (100, 200, 170), (0, None, 300)).warnings[0]


def test_two_phases_leave_the_delayed_phase_undefined(upright, make, mask):
    found = curve(make, upright, mask, (100, 160), (0, 90))
    assert found.initial_percent == pytest.approx(60)
    assert found.initial_rise == "medium"
    undefined = (found.delayed_percent, found.curve, found.ser, found.washout_share, found.worst_curve)
    assert undefined == (None,) * 5
    assert "delayed phase" in found.warnings[0]
    assert found.describe() == "initial rise +60 %, medium; delayed phase undefined"
    assert math.isnan(found.vector()["delayed_percent"])


def test_one_phase_is_refused_with_what_is_needed(upright, make, mask):
    with pytest.raises(InputError, match="one before contrast and at least one after"):
        curve(make, upright, mask, (100,))


def test_voxels_are_counted_by_their_own_curve(upright, make, mask):
    dce = [np.full(upright.size[::-1], s, np.float32) for s in (100, 200, 200)]
    dce[2][4:6, 10:15, 10:15] = 150  # half of the lesion: wash-out
    dce[2][6, 10:15, 10:15] = 300  # a quarter: persistent
    found = measure_kinetics(make.exam_of(dce, upright, (0, 90, 360)).dce, mask)
    assert (found.washout_share, found.plateau_share, found.persistent_share) == (0.5, 0.25, 0.25)
    assert found.curve == "plateau"
    assert (found.worst_curve, found.worst_curve_share) == ("wash-out", 0.5)
    assert found.delayed_percent_sd == pytest.approx(np.std([-25, -25, 50, 0]))


def test_a_few_noisy_voxels_are_no_worst_curve(upright, make, mask):
    dce = [np.full(upright.size[::-1], s, np.float32) for s in (100, 200, 200)]
    dce[2][4, 10, 10:14] = 100
    found = measure_kinetics(make.exam_of(dce, upright, (0, 90, 360)).dce, mask)
    assert found.washout_share == pytest.approx(0.04)
    assert found.worst_curve == "plateau"


def test_signal_outside_the_lesion_does_not_count(oblique, make):
    mask = make.ellipsoid(oblique, oblique.physical((14, 11, 6)), 6)
    inside = make.exam_of(
        [np.where(sitk.GetArrayFromImage(mask) > 0, s, 7.0) for s in (100, 150, 120)], oblique, (0, 90, 360)
    )
    assert [phase.mean for phase in measure_kinetics(inside.dce, mask).phases] == [100, 150, 120]


def test_a_signal_of_zero_before_contrast_leaves_percentages_undefined(upright, make, mask):
    found = curve(make, upright, mask, (0, 100, 80), (0, 90, 360))
    assert found.initial_percent is None
    assert found.initial_rise is None
    assert found.delayed_percent == pytest.approx(-20)
    assert found.ser == pytest.approx(1.25)
    assert any("not positive" in warning for warning in found.warnings)


def test_no_signal_at_all_leaves_everything_undefined(upright, make, mask):
    found = curve(make, upright, mask, (0, 0, 0), (0, 90, 360))
    assert (found.curve, found.ser, found.washout_share) == (None, None, None)
    assert all(math.isnan(found.vector()[name]) for name in KINETIC_FEATURES if name != "time_to_peak_s")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_voxels_that_are_no_numbers_are_refused_inside_the_lesion_only(upright, make, mask, value):
    dce = [np.full(upright.size[::-1], s, np.float32) for s in (100, 200, 200)]
    dce[1][0, 0, 0] = value
    assert measure_kinetics(make.exam_of(dce, upright).dce, mask).initial_percent == 100
    dce[1][5, 12, 12] = value
    with pytest.raises(InputError, match=r"Phase 1 .* NaN or infinite"):
        measure_kinetics(make.exam_of(dce, upright).dce, mask)


def test_a_mask_on_another_grid_is_refused(upright, oblique, make):
    with pytest.raises(InputError, match="grid of the DCE series"):
        measure_kinetics(make.flat_exam(upright).dce, make.box_mask(oblique, (10, 10, 4), (5, 5, 4)))


def test_an_empty_mask_is_refused(upright, make):
    with pytest.raises(InputError, match="empty"):
        measure_kinetics(make.flat_exam(upright).dce, upright.empty_image())


def test_the_vector_has_its_names_in_their_order(upright, make, mask):
    vector = curve(make, upright, mask, (100, 250, 200), (0, 90, 360)).vector()
    assert tuple(vector) == KINETIC_FEATURES
    assert all(isinstance(value, float) for value in vector.values())


def test_json_has_the_promised_keys(upright, make, mask):
    content = to_plain(curve(make, upright, mask, (100, 250, 200), (0, 90, 360)).to_mapping())
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert {"phases", "initial_percent", "delayed_percent", "curve", "ser"} <= set(content)
    assert content["phases"][1]["time_s"] == 90
    assert content["phases"][1]["mean"] == 250


def test_the_real_lesion_washes_out_after_a_rise_that_cannot_be_timed(duke_nii, duke_mask):
    found = measure_kinetics(duke_nii.dce, duke_mask)
    assert [phase.mean for phase in found.phases] == pytest.approx([133.2, 390.0, 357.9, 334.9, 319.1], abs=0.05)
    assert found.initial_percent == pytest.approx(193, abs=0.5)
    assert found.initial_rise is None
    assert found.curve == found.worst_curve == "wash-out"
    assert found.delayed_percent == pytest.approx(-18.2, abs=0.1)
    assert found.washout_share == pytest.approx(0.77, abs=0.005)
    assert found.ser == pytest.approx((389.96 - 133.17) / (319.09 - 133.17), rel=1e-3)
    assert found.describe() == "initial rise +193 %, timing unknown; delayed phase wash-out (-18 %)"
