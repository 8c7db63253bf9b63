"""Points of schedules, against a count of every minute."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.drift.scheduling import Schedule

MINUTE = 60_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = ("UTC", "America/New_York", "Europe/Paris", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo", "Pacific/Apia")


def at(text):
    return int((datetime.fromisoformat(text) - EPOCH) / timedelta(microseconds=1))


def local(time, zone):
    return (EPOCH + timedelta(microseconds=time)).astimezone(ZoneInfo(zone))


def points(text, zone, start, count):
    schedule, found = Schedule.parse(text, zone), []
    for _ in range(count):
        start = schedule.next(start)
        found.append(local(start, zone).isoformat())
    return found


def test_daily_is_midnight_and_weekly_is_monday_midnight():
    friday = at("2026-01-30T15:00:00+00:00")
    assert points("daily", "UTC", friday, 2) == ["2026-01-31T00:00:00+00:00", "2026-02-01T00:00:00+00:00"]
    assert points("weekly", "UTC", friday, 1) == ["2026-02-02T00:00:00+00:00"]
    assert points("hourly", "UTC", friday, 2) == ["2026-01-30T16:00:00+00:00", "2026-01-30T17:00:00+00:00"]


def test_nine_on_weekdays_leaves_the_weekend_out():
    assert points("0 9 * * MON-FRI", "UTC", at("2026-01-29T09:00:00+00:00"), 2) == [
        "2026-01-30T09:00:00+00:00",
        "2026-02-02T09:00:00+00:00",
    ]


def test_a_day_of_the_month_and_one_of_the_week_are_either_or():
    assert [point[:10] for point in points("0 0 13 * FRI", "UTC", at("2026-02-01T00:00:00+00:00"), 4)] == [
        "2026-02-06",
        "2026-02-13",
        "2026-02-20",
        "2026-02-27",
    ]


def test_the_29th_of_february_is_found_across_a_century():
    assert points("0 0 29 2 *", "UTC", at("2096-03-01T00:00:00+00:00"), 1) == ["2104-02-29T00:00:00+00:00"]
    assert Schedule.parse("0 0 29 2 *").last(at("2104-02-28T00:00:00+00:00")) == at("2096-02-29T00:00:00+00:00")


def test_a_leap_day_on_a_day_of_the_week_may_take_decades():
    assert points("0 0 29 2 */6", "UTC", at("2021-01-01T00:00:00+00:00"), 3) == [
        "2032-02-29T00:00:00+00:00",
        "2048-02-29T00:00:00+00:00",
        "2060-02-29T00:00:00+00:00",
    ]


def test_a_time_that_comes_twice_counts_once_and_one_that_does_not_exist_counts_later():
    zone = "America/New_York"
    assert points("30 1 * * *", zone, at("2026-11-01T00:00:00-04:00"), 2) == [
        "2026-11-01T01:30:00-04:00",
        "2026-11-02T01:30:00-05:00",
    ]
    assert points("30 2 * * *", zone, at("2026-03-08T00:00:00-05:00"), 2) == [
        "2026-03-08T03:30:00-04:00",
        "2026-03-09T02:30:00-04:00",
    ]


def test_every_hour_follows_the_clock_on_the_wall():
    zone = "America/New_York"
    autumn = points("hourly", zone, at("2026-11-01T00:30:00-04:00"), 3)
    assert autumn == ["2026-11-01T01:00:00-04:00", "2026-11-01T01:00:00-05:00", "2026-11-01T02:00:00-05:00"]
    assert points("hourly", zone, at("2026-03-08T00:30:00-05:00"), 2) == [
        "2026-03-08T01:00:00-05:00",
        "2026-03-08T03:00:00-04:00",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sometimes", "hourly, daily, weekly"),
        ("60 * * * *", "minute"),
        ("* 24 * * *", "hour"),
        ("* * 0 * *", "day of the month"),
        ("* * * 13 *", "month"),
        ("* * * * 8", "day of the week"),
        ("5-1 * * * *", "smaller end"),
        ("*/0 * * * *", "step"),
        ("1/2 * * * *", "no minute"),
        ("0 0 30 FEB *", "never comes"),
        ("0 0 31 4,6,9,11 *", "never comes"),
        ("\u0661 * * * *", "no minute"),
        (", * * * *", "no minute"),
        ("", "hourly"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_remedy(text, says):
    with pytest.raises(ValueError, match=says):
        Schedule.parse(text)


def fields():
    def field(low, high):
        number = st.integers(low, high)
        ranges = st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}")
        stepped = st.tuples(st.one_of(st.just("*"), ranges), st.integers(1, high)).map(lambda pair: f"{pair[0]}/{pair[1]}")
        one = st.one_of(st.just("*"), number.map(str), ranges, stepped)
        return st.lists(one, min_size=1, max_size=2).map(",".join)

    return st.tuples(field(0, 59), field(0, 23), field(1, 28), st.just("*"), field(0, 7)).map(" ".join)


def allowed(word, low, high):
    """What a field allows, written once more."""
    found = set()
    for part in word.split(","):
        body, _, step = part.partition("/")
        first, _, last = body.partition("-")
        span = range(low, high + 1) if body == "*" else range(int(first), int(last or first) + 1)
        found |= set(span[:: int(step or 1)])
    return found


def brute_force(text, zone, start, end):
    """Every point in (start, end], by looking at each minute and at each time of day of each date."""
    words = text.split()
    minutes, hours, days = allowed(words[0], 0, 59), allowed(words[1], 0, 23), allowed(words[2], 1, 31)
    weekdays = {number % 7 for number in allowed(words[4], 0, 7)}
    either = not (words[2].startswith("*") or words[4].startswith("*"))

    def matches(day):
        pair = day.day in days, day.isoweekday() % 7 in weekdays
        return any(pair) if either else all(pair)

    found = set()
    if words[1].startswith("*"):
        for time in range(start // MINUTE * MINUTE, end + MINUTE, MINUTE):
            wall = local(time, zone)
            if wall.minute in minutes and wall.hour in hours and matches(wall.date()):
                found.add(time)
    else:
        first, last = local(start, zone).date() - timedelta(days=3), local(end, zone).date() + timedelta(days=3)
        for ordinal in range(first.toordinal(), last.toordinal() + 1):
            day = date.fromordinal(ordinal)
            if matches(day):
                for hour in hours:
                    for minute in minutes:
                        wall = datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(zone))
                        found.add(int((wall - EPOCH) / timedelta(microseconds=1)))
    return sorted(time for time in found if start < time <= end)


# Around changes of clocks: New York and Paris in both directions, Lord Howe by half an hour, a midnight that does not exist
# in Sao Paulo, a day that does not exist in Apia; and an ordinary week.
MOMENTS = (
    "2026-03-08T00:00:00+00:00", "2026-11-01T00:00:00+00:00", "2026-03-29T00:00:00+00:00", "2026-10-25T00:00:00+00:00",
    "2026-04-04T12:00:00+00:00", "2026-10-03T12:00:00+00:00", "2018-11-04T00:00:00+00:00", "2011-12-30T00:00:00+00:00",
    "2026-06-15T00:00:00+00:00",
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(fields(), st.sampled_from(ZONES), st.sampled_from(MOMENTS), st.integers(0, 24 * 60))
def test_points_are_those_of_a_count_of_every_minute(text, zone, moment, minutes):
    start = at(moment) - 30 * 60 * MINUTE + minutes * MINUTE
    end = start + 40 * 60 * MINUTE
    expected = brute_force(text, zone, start, end)
    schedule, found, last = Schedule.parse(text, zone), [], start
    while len(found) <= len(expected) and (last := schedule.next(last)) <= end:
        found.append(last)
    assert found == expected
    for point in (*expected[:3], *expected[-1:]):
        assert schedule.last(point) == point
        assert schedule.next(schedule.last(point) - 1) == point
