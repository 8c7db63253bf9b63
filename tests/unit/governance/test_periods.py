import math
from types import SimpleNamespace
from typing import Any

import pytest

from driftline.events import MonitorReference, Reference
from driftline.governance.periods import (
    DAY_US,
    HOUR_US,
    MINUTE_US,
    granularity_length,
    next_boundary,
    pane_length,
    parse_duration,
    parse_granularity,
)


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("5 min", 300_000_000),
        ("5min", 300_000_000),
        ("60 s", 60_000_000),
        ("1.5 hours", 5_400_000_000),
        ("1 day", 86_400_000_000),
        ("30 days", 30 * DAY_US),
        ("2 weeks", 14 * DAY_US),
        ("250 ms", 250_000),
        ("7 us", 7),
        ("0 s", 0),
        (" 90 Seconds ", 90_000_000),
    ],
)
def test_durations_are_read_as_people_write_them(text, microseconds):
    assert parse_duration(text) == microseconds


@pytest.mark.parametrize(
    "text", ["", "5", "min", "-5 min", "5 fortnights", "1:30", "5 min 3 s", "nan s", "1e3 s", "99999 weeks"]
)
def test_anything_else_is_no_duration(text):
    with pytest.raises(ValueError, match=r"duration|longer"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("1 hour", "1 hour"),
        ("60 minutes", "1 hour"),
        ("24 h", "1 day"),
        ("7 days", "1 week"),
        ("15min", "15 minutes"),
        ("1 m", "1 minute"),
        ("1 weeks", "1 week"),
        ("4 weeks", "4 weeks"),
        ("2 days", "2 days"),
        ("1 MONTH", "1 month"),
        ("1 year", "12 months"),
    ],
)
def test_a_granularity_has_one_spelling(text, spelling):
    assert parse_granularity(text) == spelling


@pytest.mark.parametrize(
    "text", ["7 min", "5 hours", "32 days", "0 hour", "1.5 hour", "2 years", "hour", "5 months", "90 min", ""]
)
def test_a_granularity_lines_up_with_the_calendar(text):
    with pytest.raises(ValueError, match=r"granularity|calendar"):
        parse_granularity(text)


def pane_of(granularities, zone, *references):
    found = tuple(MonitorReference(reference=reference, granularities=tuple(granularities)) for reference in references)
    monitor: Any = SimpleNamespace(granularities=tuple(granularities), time_zone=zone, references=found)
    return pane_length(monitor)


def test_a_pane_is_the_greatest_common_divisor_and_at_most_an_hour():
    assert pane_of(["1 hour", "1 day", "1 week"], "UTC") == HOUR_US
    assert pane_of(["1 day", "1 week"], "UTC") == HOUR_US
    assert pane_of(["6 hours"], "UTC") == HOUR_US
    assert pane_of(["10 minutes", "15 minutes"], "UTC") == 5 * MINUTE_US
    assert pane_of(["1 month"], "UTC") == HOUR_US


def test_a_zone_makes_panes_quarters_only_where_a_calendar_granularity_needs_it():
    assert pane_of(["1 day"], "Asia/Kathmandu") == 15 * MINUTE_US
    assert pane_of(["1 hour"], "Asia/Kathmandu") == HOUR_US
    assert pane_of(["10 minutes", "1 day"], "Asia/Kathmandu") == 5 * MINUTE_US
    assert pane_of(["1 hour"], "Asia/Kathmandu", Reference.SEASON) == 15 * MINUTE_US
    assert pane_of(["1 hour"], "Asia/Kathmandu", Reference.CONSECUTIVE) == HOUR_US


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("7 days every day", "1 week every 1 day"),
        ("1 hour every 15 min", "1 hour every 15 minutes"),
        ("1 day every 1 hour", "1 day every 1 hour"),
        ("1 year every 3 months", "12 months every 3 months"),
    ],
)
def test_windows_that_hop_have_one_spelling_too(text, spelling):
    from driftline.drift.profile.panes import Granularity

    assert parse_granularity(text) == spelling
    assert parse_granularity(spelling) == spelling
    assert Granularity.parse(spelling).overlap > 1
    assert granularity_length(spelling) == granularity_length(spelling.split(" every ")[0])


@pytest.mark.parametrize(
    "text", ["1 day every 1 day", "1 day every 1 week", "10 days every 3 days", "1 month every 1 day", "1 week every 1 hour"]
)
def test_hops_that_do_not_fit_are_refused(text):
    with pytest.raises(ValueError, match="hop"):
        parse_granularity(text)


def test_panes_of_windows_that_hop_divide_the_hop():
    assert pane_of(["1 hour every 15 minutes"], "UTC") == 15 * MINUTE_US
    assert pane_of(["1 week every 1 day"], "UTC") == HOUR_US


def test_the_next_boundary_is_never_the_time_itself():
    assert next_boundary(0, HOUR_US) == HOUR_US
    assert next_boundary(HOUR_US - 1, HOUR_US) == HOUR_US
    assert next_boundary(-1, HOUR_US) == 0


@pytest.mark.parametrize("text", ["1 minute", "15 minutes", "1 hour", "6 hours", "1 day", "2 weeks", "1 month", "12 months"])
def test_the_evaluator_reads_every_spelling_and_makes_the_same_panes(text):
    from driftline.drift.profile.panes import DAY_US as DAY
    from driftline.drift.profile.panes import Granularity

    assert parse_granularity(text) == text
    size = Granularity.parse(text)
    for zone in ("UTC", "Europe/Paris"):
        longest = 15 * MINUTE_US if size.calendar and zone != "UTC" else HOUR_US
        assert pane_of([text], zone) == math.gcd(longest, DAY if size.calendar else size.fixed_us)
