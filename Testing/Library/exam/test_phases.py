"""Phase order and times from whichever tag tells, in the ways that scanners write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from BreastFusionLib.exam.phases import PhaseOrder, Stamp, order_phases, unwrapped

pytestmark = pytest.mark.fast


def stamps(*headers: dict[str, object], one_series: bool = True) -> list[Stamp]:
    return [
        Stamp.of_header({"SeriesInstanceUID": "1" if one_series else str(n), **header})
        for n, header in enumerate(headers)
    ]


def test_one_series_each_by_acquisition_time() -> None:
    # Duke 153, in the order in which its folders sort by name.
    clock = ["081548.965000", "081750.485000", "074853.767500", "081144.902500", "081346.312500"]
    found = order_phases(stamps(*[{"AcquisitionTime": time} for time in clock], one_series=False))
    assert found == PhaseOrder((2, 3, 4, 0, 1), (0.0, 1371.135, 1492.545, 1615.197, 1736.717))


def test_trigger_time_in_milliseconds() -> None:
    found = order_phases(stamps(*[{"TriggerTime": ms, "AcquisitionTime": "101010"} for ms in (120_000, 0, 60_500)]))
    assert found == PhaseOrder((1, 2, 0), (0.0, 60.5, 120.0))


def test_temporal_position_gives_the_order_and_a_clock_the_seconds() -> None:
    found = order_phases(
        stamps(
            {"TemporalPositionIdentifier": 3, "AcquisitionTime": "100200"},
            {"TemporalPositionIdentifier": 1, "AcquisitionTime": "100000"},
            {"TemporalPositionIdentifier": 2, "AcquisitionTime": "100100"},
        )
    )
    assert found == PhaseOrder((1, 2, 0), (0.0, 60.0, 120.0))


def test_temporal_resolution_is_a_last_resort() -> None:
    found = order_phases(stamps(*[{"TemporalPositionIdentifier": n, "TemporalResolution": 62_000} for n in (2, 1, 3)]))
    assert found == PhaseOrder((1, 0, 2), (0.0, 62.0, 124.0))


def test_cardiac_delays_are_no_phase_times() -> None:
    found = order_phases(
        stamps({"TriggerTime": 12, "ContentTime": "100200"}, {"TriggerTime": 15, "ContentTime": "100000"})
    )
    assert found.order == (1, 0) and found.times_s == (0.0, 120.0)


def test_several_series_with_one_start_and_trigger_times() -> None:
    # A mask of its own, then one multi-phase series whose phases share the acquisition time.
    found = order_phases(
        [
            Stamp(series="2", acquisition_s=36_120.0, trigger_s=60.0),
            Stamp(series="2", acquisition_s=36_120.0, trigger_s=0.0),
            Stamp(series="1", acquisition_s=36_000.0, trigger_s=0.0),
        ]
    )
    assert found == PhaseOrder((2, 1, 0), (0.0, 120.0, 180.0))


def test_numbers_order_but_do_not_time() -> None:
    found = order_phases(stamps({"AcquisitionNumber": 2}, {"AcquisitionNumber": 1}))
    assert found.order == (1, 0) and found.times_s == (0.0, None)
    assert "AcquisitionNumber" in found.warnings[0] and "seconds" in found.warnings[0]


def test_names_order_series_without_times() -> None:
    names = ["ax dyn 2nd pass", "ax dyn pre", "ax dyn 1st pass"]
    found = order_phases(
        stamps(*[{"SeriesDescription": name, "SeriesNumber": 9 - n} for n, name in enumerate(names)], one_series=False)
    )
    assert found.order == (1, 2, 0) and found.times_s == (0.0, None, None)


def test_plain_and_numbered_names_go_by_series_number() -> None:
    found = order_phases(
        stamps(
            {"SeriesDescription": "Ph1/ax dyn", "SeriesNumber": 501},
            {"SeriesDescription": "ax dyn", "SeriesNumber": 500},
            one_series=False,
        )
    )
    assert found.order == (1, 0)


def test_a_guess_is_called_a_guess() -> None:
    found = order_phases([Stamp(series="1"), Stamp(series="1")])
    assert found.times_s == (0.0, None) and "guess" in found.warnings[0]


@pytest.mark.parametrize("date", ["20200101", "", "00000000"])
def test_midnight_under_one_date(date: str) -> None:
    clock = ["000130", "235830", "000000"]
    found = order_phases(stamps(*[{"AcquisitionTime": t, "AcquisitionDate": date} for t in clock]))
    assert found == PhaseOrder((1, 2, 0), (0.0, 90.0, 180.0))


def test_midnight_with_true_dates_and_combined_tags() -> None:
    found = order_phases(
        stamps({"AcquisitionDateTime": "20200102000130.5+0100"}, {"AcquisitionDateTime": "20200101235830.000000"})
    )
    assert found == PhaseOrder((1, 0), (0.0, 180.5))


@given(st.lists(st.floats(0, 40_000), min_size=2, max_size=8, unique=True), st.floats(0, 86_399))
def test_unwrapping_restores_any_exam_shorter_than_half_a_day(times: list[float], start: float) -> None:
    clock = [(start + time) % 86_400 for time in times]
    restored = unwrapped(clock)
    assert [r - restored[0] for r in restored] == pytest.approx([t - times[0] for t in times], abs=1e-6)


@given(st.permutations(range(5)))
def test_the_order_of_the_files_does_not_matter(order: list[int]) -> None:
    found = order_phases([Stamp(series=str(n), acquisition_s=100.0 * n) for n in order])
    assert [order[index] for index in found.order] == [0, 1, 2, 3, 4]
    assert found.times_s == (0.0, 100.0, 200.0, 300.0, 400.0)
