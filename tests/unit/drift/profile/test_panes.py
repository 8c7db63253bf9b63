from typing import Any

import pytest

from driftline.drift.profile import Granularity, Unit, pane_start, pane_us

MINUTE = 60_000_000
HOUR = 60 * MINUTE


class SomeMonitor:
    def __init__(self, granularities, time_zone="UTC"):
        self.granularities, self.time_zone, self.references = granularities, time_zone, ()


@pytest.mark.parametrize(
    ("granularities", "zone", "expected"),
    [
        (("1 hour", "1 day", "1 week"), "UTC", HOUR),
        (("1 day",), "UTC", HOUR),
        (("1 month",), "UTC", HOUR),
        (("1 day",), "America/New_York", 15 * MINUTE),
        (("1 hour",), "America/New_York", HOUR),
        (("90 minutes",), "UTC", 30 * MINUTE),
        (("2 hours",), "UTC", HOUR),
        (("10 minutes", "15 minutes"), "UTC", 5 * MINUTE),
        (("10 minutes", "1 day"), "Asia/Kolkata", 5 * MINUTE),
        (("7 minutes",), "UTC", MINUTE),
    ],
)
def test_a_pane_divides_every_window_and_is_at_most_an_hour(granularities, zone, expected):
    monitor: Any = SomeMonitor(granularities, zone)
    assert pane_us(monitor) == expected


@pytest.mark.parametrize("text", ["", "hour", "0 hours", "1 fortnight", "-1 day", "1  day", "1.5 hours", "1 day "])
def test_what_is_no_granularity_says_how_to_write_one(text):
    with pytest.raises(ValueError, match='such as "15 minutes"'):
        Granularity.parse(text)


def test_singular_and_plural_are_both_read():
    assert Granularity.parse("1 days") == Granularity.parse("1 day") == Granularity(1, Unit.DAY)
    assert Granularity.parse("2 weeks").calendar
    assert not Granularity.parse("36 hours").calendar


def test_panes_before_1970_begin_at_their_lower_end():
    assert pane_start(-1, HOUR) == -HOUR
    assert pane_start(HOUR, HOUR) == HOUR
