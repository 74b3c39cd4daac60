from dataclasses import replace

import numpy as np
import pytest

from BreastFusionLib.exam.geometry import Grid
from BreastFusionLib.images.patches import Patch
from BreastFusionLib.reading.metadata import TrainingContext
from BreastFusionLib.reading.ood import out_of_distribution
from BreastFusionLib.reading.scaler import Scaler

pytestmark = pytest.mark.fast

CONTEXT = {
    "contrast": {"dce": "post", "t1": "pre"},
    "spacing_mm": {"dce": [1.0, 1.0, 2.0], "t1": [0.8, 0.8, 3.0]},
    "field_strength_t": 1.5,
    "synthetic": False,
}


@pytest.fixture
def plain(inputs):
    return replace(inputs, context=CONTEXT, vectors={"kinetics": {"ser": 1.0, "peak": 100.0}})


@pytest.fixture
def scalers():
    rows = np.stack([np.linspace(0, 2, 21), np.linspace(50, 150, 21)], axis=1)
    return {"kinetics": Scaler.fit(["ser", "peak"], rows)}


def test_a_case_like_those_in_training_has_nothing_to_say(plain, scalers):
    assert out_of_distribution(plain, TrainingContext.of([CONTEXT]), scalers) == ()


def test_what_training_does_not_know_is_not_compared(plain, scalers):
    assert out_of_distribution(plain, TrainingContext(), scalers) == ()


@pytest.mark.parametrize(("value", "said"), [(2.4, False), (2.6, True), (-0.6, True), (np.nan, False)])
def test_a_feature_is_far_when_it_leaves_the_range_by_a_quarter(plain, scalers, value, said):
    found = out_of_distribution(
        replace(plain, vectors={"kinetics": {"ser": value, "peak": 100.0}}), TrainingContext(), scalers
    )
    assert bool(found) is said
    if said:
        assert found == (f"1 feature lies far beyond the training range: ser {value:.4g} (training 0 to 2).",)


def test_the_furthest_feature_comes_first(plain, scalers):
    (sentence,) = out_of_distribution(
        replace(plain, vectors={"kinetics": {"ser": 3.0, "peak": 1000.0}}), TrainingContext(), scalers
    )
    assert sentence.startswith("2 features lie far beyond the training range: peak 1000 (training 50 to 150); ser 3")


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        (
            "contrast",
            {"dce": "post", "t1": "post"},
            "T1 was taken after contrast; in training it never was.",
        ),
        (
            "spacing_mm",
            {"dce": [1.0, 1.0, 2.0], "t1": [0.8, 0.8, 4.0]},
            "T1: its voxels of 0.8 x 0.8 x 4 mm are far from those in training (0.8 x 0.8 x 3 mm to 0.8 x 0.8 x 3 mm).",
        ),
        ("field_strength_t", 3.0, "The field strength is 3 T; in training it was 1.5 T."),
    ],
)
def test_another_kind_of_exam_is_said(plain, scalers, key, value, expected):
    case = replace(plain, context={**CONTEXT, key: value})
    assert out_of_distribution(case, TrainingContext.of([CONTEXT]), scalers) == (expected,)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("contrast", {"dce": "post", "t1": "unknown"}),
        ("spacing_mm", {"dce": [1.0, 1.0, 2.0], "t1": [0.7, 0.8, 3.5]}),
        ("field_strength_t", 1.494),
        ("field_strength_t", None),
    ],
)
def test_small_or_unknown_differences_are_not_said(plain, scalers, key, value):
    case = replace(plain, context={**CONTEXT, key: value})
    assert out_of_distribution(case, TrainingContext.of([CONTEXT]), scalers) == ()


def test_a_lesion_larger_than_the_crop_is_said(plain, scalers):
    patch = Patch(np.zeros((3, 8, 8), np.float32), Grid((8, 8, 3), (1.5, 1.5, 3.0)))
    large = replace(plain, patches={"t1": patch}, lesion=replace(plain.lesion, diameter_inplane_mm=15.2))
    assert out_of_distribution(large, TrainingContext(), scalers) == (
        "The lesion (15 mm) is larger than the crop that the model sees on T1 (12 mm).",
    )
