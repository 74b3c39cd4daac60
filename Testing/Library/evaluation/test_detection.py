"""FROC: overlaps and matches by hand, curves by hand, intervals against resampling images themselves."""

from __future__ import annotations

import numpy as np
import pytest

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation.boxes import ImageDetections, box_iou
from BreastFusionLib.evaluation.detection import froc

LESION = [0, 0, 10, 10]
FAR = [50, 50, 60, 60]


def test_iou_by_hand_in_two_and_three_dimensions() -> None:
    assert box_iou([[0, 0, 2, 2]], [[1, 1, 3, 3], [0, 0, 2, 2], [2, 0, 4, 2]]) == pytest.approx(
        np.array([[1 / 7, 1, 0]])
    )
    assert box_iou([[0, 0, 0, 2, 2, 2]], [[1, 1, 1, 3, 3, 3]]) == pytest.approx(np.array([[1 / 15]]))
    assert box_iou([[1, 1, 1, 1]], [[1, 1, 1, 1]]) == 0


@pytest.mark.parametrize(
    ("box", "by_iou", "by_center"),
    [
        ([0, 0, 10, 2], True, True),  # overlap of exactly .2
        ([0, 0, 10, 1.9], False, True),
        ([6, 0, 16, 10], True, False),  # 40 of 160
        ([9, 9, 19, 19], False, False),
        ([5, 5, 15, 15], False, True),  # its centre is the lesion's corner; 25 of 175
    ],
)
def test_what_hits_a_lesion(box: list[float], by_iou: bool, by_center: bool) -> None:
    def found(criterion: str) -> bool:
        return froc([ImageDetections([LESION], [box], [1.0])], criterion).sensitivity[-1] == 1  # type: ignore[arg-type]

    assert (found("iou"), found("center"), found("either")) == (by_iou, by_center, by_iou or by_center)


def test_curve_by_hand() -> None:
    images = [
        ImageDetections([LESION, FAR], [LESION, [20, 20, 30, 30], FAR], [0.9, 0.8, 0.3]),
        ImageDetections([], [LESION], [0.8]),
        ImageDetections([LESION], [], []),
    ]
    curve = froc(images)
    assert (curve.lesions, curve.images) == (3, 3)
    assert curve.thresholds.tolist() == [np.inf, 0.9, 0.8, 0.3]
    assert curve.sensitivity == pytest.approx([0, 1 / 3, 1 / 3, 2 / 3])
    assert curve.false_positives == pytest.approx([0, 0, 2 / 3, 2 / 3])
    points = curve.read((0.5, 1), (0.3, 0.6, 0.9), replicates=0)
    assert {fp: found.value for fp, found in points.sensitivity.items()} == pytest.approx({0.5: 1 / 3, 1: 2 / 3})
    cost = {wanted: found.value for wanted, found in points.false_positives.items()}
    assert cost == pytest.approx({0.3: 0, 0.6: 2 / 3, 0.9: np.nan}, nan_ok=True)
    assert points.mean_sensitivity.value == pytest.approx(0.5)


def test_a_second_box_on_a_found_lesion_counts_for_nothing() -> None:
    curve = froc([ImageDetections([LESION], [LESION, LESION, FAR], [0.5, 0.9, 0.7])])
    assert curve.thresholds.tolist() == [np.inf, 0.9, 0.7]
    assert curve.false_positives.tolist() == [0, 0, 1]


def test_a_box_on_two_lesions_finds_the_one_it_overlaps_most_and_leaves_the_other() -> None:
    lesions = [[0, 0, 10, 10], [0, 0, 10, 6]]
    both = ImageDetections(lesions, [[0, 0, 10, 7], [0, 0, 10, 8]], [0.9, 0.8])
    assert froc([both]).sensitivity.tolist() == [0, 0.5, 1]


def test_scores_count_by_their_order_only() -> None:
    images = simulated(30, 0)
    as_ranks = [ImageDetections(i.lesions, i.boxes, np.exp(np.asarray(i.scores)), i.patient) for i in images]
    assert (froc(images).sensitivity == froc(as_ranks).sensitivity).all()
    assert froc(images).read((1.0,), (0.3,), 50, seed=3) == froc(as_ranks).read((1.0,), (0.3,), 50, seed=3)


def test_a_detector_that_marks_nothing_finds_nothing() -> None:
    curve = froc([ImageDetections([LESION], [], []), ImageDetections([], [], [])])
    assert (curve.sensitivity.tolist(), curve.false_positives.tolist()) == ([0], [0])
    points = curve.read((1.0,), (0.5,), replicates=20)
    assert points.sensitivity[1.0].value == 0 and np.isnan(points.false_positives[0.5].value)


def test_tied_scores_are_one_step() -> None:
    curve = froc([ImageDetections([LESION], [FAR, LESION], [0.5, 0.5])])
    assert curve.sensitivity.tolist() == [0, 1]
    assert curve.read((0.5,), (1.0,), replicates=0).sensitivity[0.5].value == 0


def test_intervals_agree_with_resampling_images() -> None:
    images = simulated(60, 1)
    points = froc(images).read((0.5, 1.0), (0.4,), replicates=3000)
    random = np.random.default_rng(7)
    ill = [image for image in images if len(np.asarray(image.lesions))]
    well = [image for image in images if not len(np.asarray(image.lesions))]
    drawn = []
    for _ in range(400):
        again = [ill[i] for i in random.integers(0, len(ill), len(ill))]
        again += [well[i] for i in random.integers(0, len(well), len(well))]
        read = froc(again).read((0.5, 1.0), (0.4,), replicates=0)
        drawn.append([read.sensitivity[0.5].value, read.sensitivity[1.0].value, read.false_positives[0.4].value])
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    found = [*points.sensitivity.values(), *points.false_positives.values()]
    assert [estimate.low for estimate in found] == pytest.approx(low, abs=0.06)
    assert [estimate.high for estimate in found] == pytest.approx(high, abs=0.08)


def test_patients_are_drawn_whole() -> None:
    images = simulated(80, 2)
    copies = [ImageDetections(i.lesions, i.boxes, i.scores, f"P{n}") for n, i in enumerate(images) for _ in range(4)]
    alone, four = (froc(some).read((1.0,), (), replicates=1500).sensitivity[1.0] for some in (images, copies))
    assert four.value == alone.value
    assert four.high - four.low == pytest.approx(alone.high - alone.low, rel=0.1)


def test_images_of_a_patient_are_not_independent() -> None:
    # A patient's four images are found all or not at all: by image the interval would be half as wide.
    random = np.random.default_rng(4)
    hit = np.repeat(random.random(40) < 0.7, 4)
    boxes = [([LESION], [1.0]) if one else ([], []) for one in hit]
    by_image, by_patient = (
        froc([ImageDetections([LESION], *found, who) for found, who in zip(boxes, patients, strict=True)])
        .read((1.0,), (), replicates=2000)
        .sensitivity[1.0]
        for patients in ([None] * 160, [f"P{n // 4}" for n in range(160)])
    )
    assert by_image.value == by_patient.value == hit.mean()
    assert (by_patient.high - by_patient.low) / (by_image.high - by_image.low) == pytest.approx(2, rel=0.1)
    # A resample's sensitivity is a mean of 40 patients: p (1 - p) / 40 is its variance.
    width = 2 * 1.96 * np.sqrt(hit.mean() * (1 - hit.mean()) / 40)
    assert by_patient.high - by_patient.low == pytest.approx(width, rel=0.1)


def test_what_is_the_same_in_every_resample_has_no_interval_and_a_sentence() -> None:
    images = [ImageDetections([LESION], [LESION], [0.9]) for _ in range(12)] + [ImageDetections([], [], [])]
    points = froc(images).read((1.0,), (0.5,), replicates=100)
    for estimate in (points.sensitivity[1.0], points.false_positives[0.5], points.mean_sensitivity):
        assert np.isfinite(estimate.value) and np.isnan(estimate.low) and np.isnan(estimate.high)
    assert points.notes[0] == (
        "No interval is given for the sensitivity at 1 false positives per image: "
        "it is the same in (nearly) every resample."
    )
    assert len(points.notes) == 3 and froc(images).read(replicates=0).notes == ()


def test_four_patients_with_a_lesion_are_too_few() -> None:
    images = [ImageDetections([LESION], [LESION] * (n % 2), [0.9] * (n % 2), f"P{n % 4}") for n in range(40)]
    points = froc(images).read((1.0,), (), replicates=50)
    assert points.sensitivity[1.0].value == 0.5 and np.isnan(points.sensitivity[1.0].low)
    assert points.notes == ("No intervals are given: 4 patients with a lesion are too few (5 are needed).",)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    # Normal images mark Poisson(1) places; a lesion is found at 1 false positive per image with a chance of .7 at most.
    held, given = 0, 0
    truth = np.mean(
        [froc(simulated(4000, seed)).read((1.0,), (), 0).sensitivity[1.0].value for seed in range(100, 104)]
    )
    for seed in range(120):
        found = froc(simulated(80, seed)).read((1.0,), (), replicates=200, seed=seed).sensitivity[1.0]
        given += np.isfinite(found.low)
        held += found.low <= truth <= found.high
    assert given == 120 and 0.89 <= held / given <= 0.99


def test_a_sensitivity_that_many_resamples_never_reach_has_no_upper_end() -> None:
    images = [ImageDetections([LESION], [LESION], [0.9]) for _ in range(9)] + [ImageDetections([LESION], [], [])]
    cost = froc(images).read((), (0.9,), replicates=500).false_positives[0.9]
    assert (cost.value, cost.low, cost.high) == (0, 0, np.inf)
    assert cost.to_mapping() == {"value": 0, "low": 0, "high": None}


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="None of the 1 images has a lesion"):
        froc([ImageDetections([], [LESION], [1.0])])
    with pytest.raises(InputError, match="Image 0 of patient P7: a box of its detections"):
        froc([ImageDetections([LESION], [[5, 5, 3, 3]], [1.0], "P7")])
    with pytest.raises(InputError, match="1 detections, but scores of shape \\(2,\\)"):
        froc([ImageDetections([LESION], [LESION], [1.0, 2.0])])
    with pytest.raises(InputError, match="the same for lesions and detections"):
        froc([ImageDetections([LESION], [[0, 0, 0, 1, 1, 1]], [1.0])])


def simulated(n: int, seed: int) -> list[ImageDetections]:
    random = np.random.default_rng(seed)
    images = []
    for number in range(n):
        lesions = [LESION] if number % 2 else []
        found = [LESION] if number % 2 and random.random() < 0.7 else []
        boxes = found + [FAR] * random.poisson(1.0)
        scores = [*random.normal(1, 1, len(found)), *random.normal(0, 1, len(boxes) - len(found))]
        images.append(ImageDetections(lesions, boxes, scores))
    return images
