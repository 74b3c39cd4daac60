import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from BreastFusionLib.errors import InputError
from BreastFusionLib.files import to_plain
from BreastFusionLib.reading.scaler import Scaler
from BreastFusionLib.reading.scalers import scalers_from_json, scalers_to_json

pytestmark = pytest.mark.fast

ROWS = np.array([[1.0, 5.0, np.nan], [2.0, 5.0, np.nan], [3.0, 5.0, np.nan], [np.nan, 5.0, np.nan]])


@pytest.fixture
def scaler() -> Scaler:
    return Scaler.fit(["a", "flat", "never"], ROWS, [0, 0, 1, 1])


def test_mean_and_deviation_leave_undefined_values_out(scaler):
    np.testing.assert_allclose(scaler.mean, [2.0, 5.0, 0.0])
    np.testing.assert_allclose(scaler.std, [np.sqrt(2 / 3), 1.0, 1.0])


def test_standardised_values_are_clipped_and_undefined_ones_are_the_mean(scaler):
    z = scaler.standardise({"a": 3.0, "flat": 5.0, "never": np.nan})
    np.testing.assert_allclose(z, [1 / np.sqrt(2 / 3), 0.0, 0.0], rtol=1e-6)
    assert z.dtype == np.float32
    np.testing.assert_array_equal(scaler.standardise({"a": 1e9, "flat": np.nan, "never": np.nan}), [8.0, 0.0, 0.0])
    np.testing.assert_array_equal(scaler.standardise({"a": -np.inf, "flat": np.nan, "never": np.nan}), [-8.0, 0.0, 0.0])


def test_a_number_beyond_all_measure_spoils_no_scaler(scaler):
    # Its square is infinite, and a bundle with an infinite deviation is refused when it is loaded, after the training.
    spoilt = Scaler.fit(scaler.names, [*ROWS, [1e300, 5.0, np.inf]])
    np.testing.assert_array_equal([spoilt.mean, spoilt.std], [scaler.mean, scaler.std])
    np.testing.assert_array_equal(spoilt.standardise({"a": 1e300, "flat": 5.0, "never": 0.0}), [8.0, 0.0, 0.0])


def test_what_never_varied_in_training_decides_nothing_since_nothing_was_learnt_of_it(scaler):
    z = scaler.standardise({"a": 2.0, "flat": 6.0, "never": 2.0})
    np.testing.assert_array_equal(z, [0.0, 0.0, 0.0])
    again = Scaler.from_mapping(json.loads(json.dumps(to_plain(scaler.to_mapping()))), "scalers")
    np.testing.assert_array_equal(again.standardise({"a": 2.0, "flat": 6.0, "never": 2.0}), z)


def test_order_of_the_names_is_the_scalers_own(scaler):
    forward = scaler.standardise({"a": 3.0, "flat": 4.0, "never": 2.0})
    np.testing.assert_array_equal(scaler.standardise({"never": 2.0, "flat": 4.0, "a": 3.0}), forward)


def test_other_names_are_refused(scaler):
    with pytest.raises(InputError, match="expects 3 features, the case has 2; they differ in b, flat, never"):
        scaler.standardise({"a": 1.0, "b": 2.0})


def test_percentiles_by_hand():
    scaler = Scaler.fit(["a"], np.arange(101.0)[:, None], (np.arange(101) >= 50).astype(int))
    assert scaler.percentile("a", 30.0) == pytest.approx(30.0)
    assert scaler.percentile("a", 31.3) == pytest.approx(31.3)
    assert scaler.percentile("a", -5.0) == 0.0
    assert scaler.percentile("a", 500.0) == 100.0
    assert scaler.percentile("a", 75.0, label=1) == pytest.approx(50.0)
    assert scaler.percentile("a", 75.0, label=0) == 100.0
    assert scaler.training_range("a") == (0.0, 100.0)
    assert scaler.reference_range("a") == pytest.approx((2.5, 97.5))


def test_ties_count_half(scaler):
    assert scaler.percentile("flat", 5.0) == pytest.approx(50.0)
    assert scaler.percentile("flat", 5.1) == 100.0


def test_percentile_of_what_is_undefined_is_undefined(scaler):
    assert np.isnan(scaler.percentile("never", 1.0))
    assert np.isnan(scaler.percentile("a", np.nan))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=60), st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_percentiles_grow_with_the_value(values, value, step):
    scaler = Scaler.fit(["a"], np.array(values)[:, None])
    assert 0 <= scaler.percentile("a", value) <= scaler.percentile("a", value + step) <= 100


def test_json_keeps_every_digit(scaler):
    text = json.dumps(to_plain(scalers_to_json({"radiomics": scaler})), allow_nan=False)
    back = scalers_from_json(json.loads(text), "scalers.json")["radiomics"]
    assert back.names == scaler.names
    for field in ("mean", "std", "quantiles_all", "quantiles_by_class"):
        np.testing.assert_array_equal(getattr(back, field), getattr(scaler, field))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mean": [1.0, 2.0]}, "'mean' has shape"),
        ({"std": [1.0, 0.0, 1.0]}, "deviations above zero"),
        ({"std": ["x", 0.0, 1.0]}, "something else than numbers"),
        ({"more": 1}, "expected the keys"),
    ],
)
def test_damaged_json_is_refused(scaler, change, message):
    content = to_plain(scalers_to_json({"radiomics": scaler}))
    content["radiomics"] |= change
    with pytest.raises(InputError, match=f"scalers.json, radiomics: .*{message}"):
        scalers_from_json(content, "scalers.json")
