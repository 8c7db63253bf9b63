from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from driftline.alerting.config import load
from driftline.alerting.errors import InvalidAlertingConfig


def interval(spec: str):
    text = f"route: {{receiver: a}}\nreceivers: [{{name: a}}]\ntime_intervals: [{{name: t, time_intervals: [{spec}]}}]"
    return load(text).time_intervals["t"]


def at(text: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1_000_000)


# 2024-02-29 was a Thursday, 2023-01-01 a Sunday.
@pytest.mark.parametrize(
    ("spec", "inside", "outside"),
    [
        (
            "{times: [{start_time: 09:00, end_time: 17:00}]}",
            ["2024-02-29T09:00", "2024-02-29T16:59:59.999"],
            ["2024-02-29T17:00"],
        ),
        ("{times: [{start_time: 17:00, end_time: 24:00}]}", ["2024-02-29T23:59:59"], ["2024-03-01T00:00"]),
        ("{weekdays: ['monday:friday']}", ["2024-02-29T12:00"], ["2023-01-01T12:00", "2023-01-07T12:00"]),
        ("{weekdays: [sunday, Saturday]}", ["2023-01-01T12:00", "2023-01-07T12:00"], ["2024-02-29T12:00"]),
        ("{days_of_month: ['-1']}", ["2024-02-29T12:00", "2023-02-28T12:00"], ["2024-02-28T12:00", "2024-02-01T12:00"]),
        ("{days_of_month: ['1:5', '-3:-1']}", ["2023-01-05T12:00", "2023-02-26T12:00"], ["2023-02-25T12:00"]),
        ("{days_of_month: ['29:31']}", ["2024-02-29T12:00", "2023-01-31T12:00"], ["2023-02-28T12:00"]),
        ("{days_of_month: ['31']}", ["2023-01-31T12:00"], ["2023-04-30T12:00"]),
        ("{months: ['january:march']}", ["2023-01-01T12:00", "2023-03-31T12:00"], ["2023-04-01T12:00"]),
        ("{months: [2, December]}", ["2024-02-29T12:00", "2023-12-31T12:00"], ["2023-01-01T12:00"]),
        ("{years: ['2020:2023']}", ["2023-12-31T23:59"], ["2024-01-01T00:00", "2019-12-31T23:59"]),
        ("{}", ["2024-02-29T12:00"], []),
        ("{years: [2023]}, {years: [2025]}", ["2023-06-01T12:00", "2025-06-01T12:00"], ["2024-06-01T12:00"]),
        ("{years: [2024], weekdays: [thursday]}", ["2024-02-29T12:00"], ["2024-03-01T12:00", "2023-03-02T12:00"]),
    ],
)
def test_a_time_is_inside_where_every_field_has_it(spec, inside, outside) -> None:
    found = interval(spec)
    assert [text for text in inside + outside if found.contains(at(text))] == inside


def test_a_location_moves_the_hours_and_follows_its_summer_time() -> None:
    found = interval("{times: [{start_time: 09:00, end_time: 10:00}], location: Europe/Berlin}")
    for day in ("2024-01-10", "2024-07-10"):
        assert found.contains(at(f"{day}T09:30", "Europe/Berlin"))
        assert not found.contains(at(f"{day}T10:30", "Europe/Berlin"))
    assert found.contains(at("2024-01-10T08:30"))
    assert found.contains(at("2024-07-10T07:30"))


@pytest.mark.parametrize(
    "spec",
    [
        "{times: [{start_time: 17:00, end_time: 09:00}]}",
        "{times: [{start_time: 09:00, end_time: 09:00}]}",
        "{times: [{start_time: 9:00, end_time: 10:00}]}",
        "{times: [{start_time: 09:00, end_time: 24:01}]}",
        "{times: [{start_time: 09:00}]}",
        "{weekdays: ['friday:monday']}",
        "{weekdays: [someday]}",
        "{weekdays: ['monday:tuesday:friday']}",
        "{days_of_month: [0]}",
        "{days_of_month: [32]}",
        "{days_of_month: ['-1:5']}",
        "{days_of_month: ['5:1']}",
        "{months: [13]}",
        "{years: ['2024:2023']}",
        "{location: Mars}",
        "{hours: [1]}",
    ],
)
def test_what_is_no_period_is_refused(spec) -> None:
    with pytest.raises(InvalidAlertingConfig):
        interval(spec)


def test_a_route_is_muted_in_its_mute_intervals_and_outside_of_its_active_ones() -> None:
    routing = load(
        """
route:
  receiver: a
  routes:
    - {matchers: [x=1], mute_time_intervals: [early, late]}
    - {matchers: [x=2], active_time_intervals: [early, late]}
    - {matchers: [x=3], mute_time_intervals: [early], active_time_intervals: [early, late]}
receivers: [{name: a}]
time_intervals:
  - name: early
    time_intervals: [{times: [{start_time: "00:00", end_time: "06:00"}]}]
  - name: late
    time_intervals: [{times: [{start_time: "20:00", end_time: "24:00"}]}]
"""
    )
    times = [at(f"2024-02-29T{hour}:00") for hour in ("03", "12", "21")]
    muted = [[routing.muted(route, time) for time in times] for route in routing.root.walk()]
    assert muted == [[False] * 3, [True, False, True], [False, True, False], [True, True, False]]
