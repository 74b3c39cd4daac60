"""The ideal observer: its formula, its area under the ROC curve, and the motion that is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, rankdata

from BreastFusionLib.phantom.truth import (
    LATENTS,
    SOURCES,
    Motion,
    Truth,
    draw_label,
    draw_latents,
    ideal_auc,
    log_likelihood_ratio,
)

latent_values = st.fixed_dictionaries({latent.name: st.floats(-5, 5) for latent in LATENTS})


def auc(scores: np.ndarray, labels: np.ndarray) -> float:
    positives = labels.sum()
    ranks = rankdata(scores)[labels == 1].sum()
    return (ranks - positives * (positives + 1) / 2) / (positives * (len(labels) - positives))


@pytest.fixture(scope="module")
def population() -> tuple[list[dict[str, float]], np.ndarray]:
    rng = np.random.default_rng(0)
    labels = np.arange(20_000) % 2
    return [draw_latents(rng, int(label)) for label in labels], labels


def test_a_value_halfway_between_the_class_means_tells_nothing():
    halfway = {latent.name: latent.separation / 2 for latent in LATENTS}
    assert log_likelihood_ratio(halfway) == pytest.approx(0.0, abs=1e-12)


def test_a_hand_calculated_ratio():
    # wash_in 2 with separation .8: .8 * (2 - .4) = 1.28; wash_out 0 with 1.2: 1.2 * (0 - .6) = -.72.
    latents = {latent.name: 0.0 for latent in LATENTS} | {"wash_in": 2.0}
    assert log_likelihood_ratio(latents, ("kinetics",)) == pytest.approx(1.28 - 0.72)


@given(latent_values)
def test_the_ratio_is_that_of_the_densities(latents):
    expected = sum(norm.logpdf(latents[n.name], n.separation) - norm.logpdf(latents[n.name]) for n in LATENTS)
    assert log_likelihood_ratio(latents) == pytest.approx(expected, abs=1e-9)


@given(latent_values)
def test_all_sources_together_are_the_sum_of_each(latents):
    ratios = Truth(latents, 10.0, "b", 0.2, 10.0, {}, {}).llr
    assert set(ratios) == {*SOURCES, "all"}
    assert ratios["all"] == pytest.approx(sum(ratios[source] for source in SOURCES), abs=1e-9)
    assert ratios["all"] == pytest.approx(log_likelihood_ratio(latents), abs=1e-9)


@pytest.mark.parametrize("sources", [*((source,) for source in SOURCES), SOURCES])
def test_the_ideal_observers_auc_is_what_the_draws_give(population, sources):
    drawn, labels = population
    scores = np.array([log_likelihood_ratio(latents, sources) for latents in drawn])
    assert auc(scores, labels) == pytest.approx(ideal_auc(sources), abs=0.01)


def test_sources_are_complementary():
    assert all(0.65 <= ideal_auc((source,)) <= 0.85 for source in SOURCES)
    assert ideal_auc() == pytest.approx(0.97, abs=0.006)


def test_the_ratio_is_the_log_odds_of_malignancy(population):
    drawn, labels = population
    scores = np.array([log_likelihood_ratio(latents) for latents in drawn])
    for low, high in ((-2.5, -1.5), (-0.5, 0.5), (1.5, 2.5)):
        inside = (scores > low) & (scores < high)
        expected = np.mean(1 / (1 + np.exp(-scores[inside])))
        assert labels[inside].mean() == pytest.approx(expected, abs=0.05)


def test_every_pair_of_exams_holds_one_of_each_class_in_random_order():
    labels = np.array([draw_label(3, number) for number in range(1, 201)]).reshape(-1, 2)
    assert np.all(labels.sum(axis=1) == 1)
    assert 30 < labels[:, 0].sum() < 70


# ITK's inverse of a rotation by 1e-308 degrees is NaN.
@given(
    st.lists(st.floats(-10, 10).map(lambda value: round(value, 9)), min_size=9, max_size=9),
    st.lists(st.floats(-100, 100), min_size=3, max_size=3),
)
def test_motion_maps_points_as_its_transform_does(numbers, point):
    motion = Motion(tuple(numbers[:3]), tuple(numbers[3:6]), tuple(numbers[6:]))
    moved = motion.apply(point)
    assert moved == pytest.approx(motion.transform.TransformPoint(point), abs=1e-9)
    assert motion.transform.GetInverse().TransformPoint(moved.tolist()) == pytest.approx(point, abs=1e-9)
