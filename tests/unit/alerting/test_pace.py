import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.alerting.pace import Pace

MINUTE = 60_000_000


def sent_greedily(pace: Pace, pauses: list[int]) -> list[int]:
    """When messages go if as many as possible are sent after each pause."""
    now, spent, times = MINUTE, 0, []
    for pause in pauses:
        now += pause
        count = pace.allowed(spent, now)
        spent = pace.after(spent, now, count) if count else spent
        times += [now] * count
    return times


@given(st.integers(1, 400), st.lists(st.integers(0, 40_000_000), max_size=80))
def test_no_minute_holds_more_than_is_allowed(most: int, pauses: list[int]) -> None:
    times = sent_greedily(Pace(most), pauses)
    for first, start in enumerate(times):
        assert sum(start <= time < start + MINUTE for time in times[first:]) <= most


@given(st.integers(1, 400))
def test_a_queue_goes_out_at_nearly_the_rate_that_is_allowed(most: int) -> None:
    pace, now, spent, sent = Pace(most), MINUTE, 0, 0
    while now < 11 * MINUTE:
        count = pace.allowed(spent, now)
        assert count >= 1, "at the time that `next_at` names one may go"
        spent, sent = pace.after(spent, now, count), sent + count
        now = max(now, pace.next_at(spent))
    assert sent >= 10 * most * 5 / 6


@given(st.integers(1, 400), st.integers(0, 10 * MINUTE))
def test_before_the_time_that_it_names_nothing_may_go(most: int, spent: int) -> None:
    pace = Pace(most)
    assert pace.allowed(spent, max(0, pace.next_at(spent))) >= 1
    assert pace.next_at(spent) <= 0 or pace.allowed(spent, pace.next_at(spent) - 1) == 0


def test_after_a_rest_a_burst_may_go_and_then_one_at_a_time() -> None:
    pace = Pace(60)
    assert (pace.burst, pace.interval_us) == (10, 1_176_471)
    assert pace.allowed(0, MINUTE) == 10
    spent = pace.after(0, MINUTE, 10)
    assert pace.allowed(spent, MINUTE) == 0
    assert pace.next_at(spent) == MINUTE + pace.interval_us
    assert pace.allowed(spent, MINUTE + pace.interval_us) == 1


def test_a_pace_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Pace(0)
