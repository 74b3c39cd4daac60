"""Whole exams: the same whatever was made before, at known places, and showing what the latents say."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.breast import side_of
from BreastFusionLib.exam.geometry import Grid, resample_onto, same_grid
from BreastFusionLib.lesion.kinetics import measure_kinetics
from BreastFusionLib.lesion.measure import measure
from BreastFusionLib.phantom import PhantomExam, make_exam
from BreastFusionLib.phantom.clinical import CLINICAL_LEVELS
from BreastFusionLib.phantom.scanner import DIALECTS


def pixels(image: sitk.Image) -> np.ndarray:
    return sitk.GetArrayFromImage(image)


def inside(made: PhantomExam, sequence: str) -> np.ndarray:
    """Voxels of T1 or T2 that are lesion, by the true motion."""
    target = made.exam.get(sequence)
    back = made.truth.motions[sequence].transform.GetInverse()
    return pixels(resample_onto(made.lesion.mask, target.grid, "nearest", transform=back)) > 0


def test_an_exam_depends_on_seed_and_number_only(phantoms):
    again = make_exam(11, 2, small=True)
    for a, b in zip(again.exam.series, phantoms[1].exam.series, strict=True):
        assert a.grid == b.grid
        for first, second in zip(a.phases, b.phases, strict=True):
            assert first.time_s == second.time_s
            np.testing.assert_array_equal(pixels(first.image), pixels(second.image))
    assert again.truth == phantoms[1].truth
    assert np.array_equal(pixels(again.lesion.mask), pixels(phantoms[1].lesion.mask))


def test_other_seeds_and_numbers_give_other_exams(phantoms):
    other = make_exam(12, 2, small=True)
    assert other.truth.latents != phantoms[1].truth.latents
    assert phantoms[0].truth.latents != phantoms[1].truth.latents
    assert not np.array_equal(pixels(other.exam.dce.phases[0].image), pixels(phantoms[1].exam.dce.phases[0].image))


@pytest.mark.parametrize(("seed", "number"), [(2, 0), (2, -1), (-1, 1)])
def test_an_exam_that_does_not_exist_is_a_sentence(seed, number):
    with pytest.raises(InputError, match=f"Exam {number} of seed {seed}: exams count from 1"):
        make_exam(seed, number, small=True)


@pytest.mark.slow
def test_the_default_is_a_clinical_exam_with_the_truth_of_the_small_one(phantoms):
    made = make_exam(11, 1)
    assert made.truth.latents == phantoms[0].truth.latents and made.label == phantoms[0].label
    assert made.exam.dce.grid.size == (448, 448, 160)
    assert made.exam.dce.grid.spacing_mm == (0.76, 0.76, 1.1)
    assert (made.exam.t1.grid.size, made.exam.t1.grid.spacing_mm) == ((320, 320, 40), (1.1, 1.1, 4.0))
    assert (made.exam.t2.grid.size, made.exam.t2.grid.spacing_mm) == ((384, 384, 45), (0.9, 0.9, 4.0))
    assert measure(made.lesion.mask).volume_mm3 == pytest.approx(np.pi / 6 * made.truth.diameter_mm**3, rel=0.05)


def test_series_have_roles_times_and_grids_of_their_own(phantoms):
    for made in phantoms[:6]:
        exam = made.exam
        assert exam.synthetic
        times = [phase.time_s for phase in exam.dce.phases]
        assert times[0] == 0.0 and 90 <= times[1] <= 100
        assert np.all((np.diff(times[1:]) > 84) & (np.diff(times[1:]) < 96))
        assert [exam.dce.contrast, exam.t1.contrast, exam.t2.contrast] == ["post", "pre", "pre"]
        for series in exam.series:
            assert all(same_grid(phase.image, series.grid) for phase in series.phases)
        for series in (exam.t1, exam.t2):
            assert not np.allclose(series.grid.direction, np.eye(3).ravel(), atol=1e-3)  # oblique
            turn = np.reshape(series.grid.direction, (3, 3))
            np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-9)


def test_the_mask_lies_on_the_dce_grid_in_the_breast_of_its_side(phantoms):
    for made in phantoms:
        assert same_grid(made.lesion.mask, made.exam.dce.grid)
        found = measure(made.lesion.mask)
        assert found.components == 1 and not found.touches_border
        assert np.linalg.norm(np.subtract(found.center_lps, made.truth.centers_lps["dce"])) < 5.0
        assert found.volume_mm3 == pytest.approx(np.pi / 6 * made.truth.diameter_mm**3, rel=0.2)
        assert made.lesion.side == ("left" if found.center_lps[0] > 0 else "right")
    assert side_of(found.center_lps, made.exam) == made.lesion.side


def test_centers_follow_the_stored_motion(phantoms):
    for made in phantoms:
        for sequence, motion in made.truth.motions.items():
            expected = motion.transform.TransformPoint(made.truth.centers_lps["dce"])
            assert made.truth.centers_lps[sequence] == pytest.approx(expected, abs=1e-9)
    shifts = [np.subtract(m.truth.centers_lps["t2"], m.truth.centers_lps["dce"]) for m in phantoms]
    assert 1.0 < np.median(np.linalg.norm(shifts, axis=1)) < 5.0


def test_the_images_move_as_the_stored_motion_says(phantoms):
    """Undoing the true motion brings the outline of T1 and DCE together; the opposite motion makes it worse."""
    better = 0
    for made in phantoms[:8]:
        motion = made.truth.motions["t1"]
        body = sitk.Cast(made.exam.t1.image > 0.25 * np.percentile(pixels(made.exam.t1.image), 95), sitk.sitkFloat32)
        dce = made.exam.dce.phases[-1].image
        target = pixels(dce > 0.1 * np.percentile(pixels(dce), 99))[20:-20].astype(bool)
        overlaps = []
        for transform in (motion.transform, motion.transform.GetInverse()):
            moved = pixels(resample_onto(body, Grid.of(dce), "linear", transform=transform))[20:-20] > 0.5
            overlaps.append(2 * np.sum(moved & target) / (moved.sum() + target.sum()))
        better += overlaps[0] > overlaps[1]
    assert better >= 7


@pytest.mark.slow
def test_images_show_the_latents(phantoms):
    measured: dict[str, list[float]] = {}
    for made in phantoms:
        mask = pixels(made.lesion.mask) > 0
        shape = sitk.LabelShapeStatisticsImageFilter()
        shape.Execute(made.lesion.mask)
        kinetics = measure_kinetics(made.exam.dce, made.lesion.mask)
        gain = made.dialect.protocols["t2"].gain
        means = [float(pixels(phase.image)[mask].mean()) for phase in made.exam.dce.phases]
        uptake = (pixels(made.exam.dce.phases[2].image)[mask] - pixels(made.exam.dce.phases[0].image)[mask]).astype(
            float
        )
        for name, value in {
            "irregularity": -shape.GetRoundness(1),
            "size": np.log(shape.GetPhysicalSize(1)),
            "heterogeneity": uptake.std() / uptake.mean(),
            "wash_in": np.log(means[1] / means[0] - 1),
            "wash_out": -kinetics.delayed_percent,
            "t2_brightness": np.log(pixels(made.exam.t2.image)[inside(made, "t2")].mean() / gain),
            "age": made.clinical["age"],
            "suspicion": CLINICAL_LEVELS["indication"].index(made.clinical["indication"]),
            "lifetime_risk": np.log(made.clinical["lifetime_risk_percent"]),
        }.items():
            measured.setdefault(name, []).append(value)
    for name, values in measured.items():
        latents = [made.truth.latents[name] for made in phantoms]
        assert np.corrcoef(values, latents)[0, 1] > 0.6, name


def test_enhancement_in_the_images_is_the_one_that_was_drawn(phantoms):
    for made in phantoms[:8]:
        mask = pixels(made.lesion.mask) > 0
        means = [pixels(phase.image)[mask].mean() for phase in made.exam.dce.phases]
        drawn = 0.85 * np.exp(0.4 * made.truth.latents["wash_in"])
        assert means[1] / means[0] - 1 == pytest.approx(drawn, rel=0.35)  # partial volume at the margin


def test_all_sites_occur_and_say_that_they_are_phantoms(phantoms):
    assert {made.dialect.site for made in phantoms} == {"site_a", "site_b", "site_c"}
    for dialect in DIALECTS:
        keywords = dialect.acquisition("dce", phantoms[0].exam.dce.grid)
        assert "BreastFusion" in keywords["Manufacturer"]
        assert keywords["EchoTime"] < keywords["RepetitionTime"]
