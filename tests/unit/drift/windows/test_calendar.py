from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.drift.profile import Granularity, pane_us
from driftline.drift.windows.calendar import Span, apart, day_of, following, preceding, span_of, spans_of, week_before
from tests.unit.drift.windows.building import HOUR, MINUTE, MONITOR, change

DAY = 24 * HOUR
TEXTS = ("5 minutes", "1 hour", "6 hours", "1 day", "3 days", "1 week", "2 weeks", "1 month", "3 months")
ZONES = ("UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/Sao_Paulo", "Pacific/Apia")


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("granularity", "zone", "time", "start", "end"),
    [
        ("1 hour", "UTC", "2013-03-01 05:17", "2013-03-01 05:00", "2013-03-01 06:00"),
        ("1 day", "UTC", "2013-03-01 00:00", "2013-03-01 00:00", "2013-03-02 00:00"),
        ("1 week", "UTC", "2013-03-03 23:59", "2013-02-25 00:00", "2013-03-04 00:00"),
        ("1 week", "UTC", "2013-03-04 00:00", "2013-03-04 00:00", "2013-03-11 00:00"),
        ("1 month", "UTC", "2013-02-28 12:00", "2013-02-01 00:00", "2013-03-01 00:00"),
        ("3 months", "UTC", "2013-02-28 12:00", "2013-01-01 00:00", "2013-04-01 00:00"),
        # clocks go forward on 2013-03-10: a day of 23 hours; and back on 2013-11-03: one of 25
        ("1 day", "America/New_York", "2013-03-10 12:00", "2013-03-10 05:00", "2013-03-11 04:00"),
        ("1 day", "America/New_York", "2013-11-03 12:00", "2013-11-03 04:00", "2013-11-04 05:00"),
        # midnight did not exist: the day began at 01:00 local, when the clocks did
        ("1 day", "America/Sao_Paulo", "2013-10-20 12:00", "2013-10-20 03:00", "2013-10-21 02:00"),
        ("1 week", "Asia/Kolkata", "2013-03-03 19:00", "2013-03-03 18:30", "2013-03-10 18:30"),
    ],
)
def test_windows_begin_where_people_say_they_do(granularity, zone, time, start, end):
    assert span_of(granularity, zone, at(time)) == Span(at(start), at(end))


@given(st.sampled_from(TEXTS), st.sampled_from(ZONES), st.integers(at("1990-01-01"), at("2037-01-01")))
def test_windows_of_a_granularity_meet_without_gap_or_overlap(granularity, zone, time):
    span = span_of(granularity, zone, time)
    assert span.start <= time < span.end
    assert span_of(granularity, zone, span.end).start == span.end
    assert span_of(granularity, zone, span.start - 1).end == span.start


@given(st.sampled_from(ZONES), st.integers(at("1990-01-01"), at("2037-01-01")))
def test_every_window_and_day_of_a_zone_is_a_union_of_panes(zone, time):
    monitor = change(MONITOR, time_zone=zone, granularities=("1 hour", "1 day", "1 week", "1 month"))
    pane = pane_us(monitor)
    for text in (*monitor.granularities, "1 day"):
        span = span_of(text, zone, time)
        assert span.start % pane == 0
        assert span.end % pane == 0
    day = day_of(zone, time)
    assert 22 * HOUR <= day.end - day.start <= 25 * HOUR or day.end - day.start == 48 * HOUR


HOPPING = (
    "1 hour every 15 minutes",
    "1 day every 1 hour",
    "1 week every 1 day",
    "2 weeks every 1 week",
    "3 months every 1 month",
)


@given(st.sampled_from(HOPPING), st.sampled_from(ZONES), st.integers(at("1990-01-01"), at("2037-01-01")))
def test_windows_that_hop_hold_each_moment_as_often_as_they_overlap_and_every_so_many_meet(granularity, zone, time):
    spans = spans_of(granularity, zone, time)
    assert len(spans) == len(set(spans)) == Granularity.parse(granularity).overlap
    assert all(span.start <= time < span.end for span in spans)
    assert [span.start for span in spans] == sorted(span.start for span in spans)
    assert span_of(granularity, zone, time) == spans[-1]
    assert sum(apart(granularity, zone, span.start) for span in spans) == 1
    for span in spans:
        assert preceding(granularity, zone, span.start).end == span.start
        assert following(granularity, zone, span.start).start == span.end
        assert preceding(granularity, zone, following(granularity, zone, span.start).start) == span


def test_a_week_that_hops_by_days_ends_at_each_midnight_of_the_zone():
    spans = spans_of("1 week every 1 day", "America/New_York", at("2013-03-12 12:00"))
    assert [span.end for span in spans][:2] == [at("2013-03-13 04:00"), at("2013-03-14 04:00")]
    assert spans[0].end - spans[0].start == 7 * DAY - HOUR  # clocks went forward within it


@pytest.mark.parametrize(
    ("granularity", "start", "end", "expected"),
    [
        ("1 hour", "2013-03-14 13:00", "2013-03-14 14:00", ("2013-03-07 14:00", "2013-03-07 15:00")),  # 9:00 on both days
        ("1 day", "2013-03-11 04:00", "2013-03-12 04:00", ("2013-03-04 05:00", "2013-03-05 05:00")),
        ("1 day", "2013-03-17 04:00", "2013-03-18 04:00", ("2013-03-10 05:00", "2013-03-11 04:00")),  # a day of 23 hours
        ("1 hour", "2013-11-03 05:00", "2013-11-03 06:00", ("2013-10-27 05:00", "2013-10-27 06:00")),  # 1:00, shown
        ("1 hour", "2013-11-03 06:00", "2013-11-03 07:00", ("2013-10-27 05:00", "2013-10-27 06:00")),  # twice
    ],
)
def test_the_same_time_last_week_is_what_the_clocks_showed(granularity, start, end, expected):
    found = week_before(granularity, "America/New_York", Span(at(start), at(end)))
    assert found == Span(*map(at, expected))


def test_a_granularity_that_cannot_be_read_is_refused():
    with pytest.raises(ValueError, match="fortnight"):
        span_of("1 fortnight", "UTC", 0)


def test_hops_that_do_not_fit_their_windows_are_refused():
    for text in ("1 day every 2 days", "1 week every 2 days", "1 month every 1 day"):
        with pytest.raises(ValueError, match="whole number of times"):
            spans_of(text, "UTC", 0)


def test_days_fold_into_weeks_and_months():
    assert Granularity.parse("1 week").calendar
    assert span_of("15 minutes", "Asia/Kolkata", at("2013-03-01 05:17")).start == at("2013-03-01 05:15")
    assert MINUTE * 60 == HOUR
