"""Policies and rotas as they are written, and what they make of the routes."""

import pytest

from driftline.alerting.config import EMERGENCY_WAIT, default_routing, load, with_timers
from driftline.alerting.config_escalations import read_shifts
from driftline.alerting.errors import InvalidAlertingConfig
from driftline.alerting.escalation import RotaSource
from driftline.alerting.routing import Timers
from driftline.envelope import time_of

MINUTE = 60_000_000
GOOD = """
route:
  receiver: team
  group_interval: 1m
  repeat_interval: 4h
  escalation: owners
  routes:
    - matchers: [priority="critical"]
    - matchers: [priority="low"]
      escalation: slow
escalations:
  - name: owners
    levels:
      - {wait: 5m, receiver: lead, active_time_intervals: [office]}
      - {wait: 15m, on_call: primary, repeat_interval: 10m}
  - name: slow
    levels: [{wait: 1d, receiver: lead}]
on_call:
  - name: primary
    shifts:
      - {receiver: ada, from: "2026-11-16T09:00:00Z", until: "2026-11-23T09:00:00Z"}
      - {receiver: grace, from: "2026-11-23T09:00:00+00:00", until: "2026-11-30T09:00:00Z"}
    otherwise: lead
time_intervals:
  - name: office
    time_intervals: [{weekdays: ["monday:friday"], times: [{start_time: "09:00", end_time: "17:00"}]}]
receivers: [{name: team}, {name: lead}, {name: ada}, {name: grace}]
"""


def test_the_levels_of_a_route_are_routes_to_other_receivers() -> None:
    lead, primary = load(GOOD).root.levels
    (route,) = lead.routes
    assert (lead.step.wait, route.receiver, route.active_time_intervals) == (5 * MINUTE, "lead", ("office",))
    assert route.timers == Timers(group_wait=0, group_interval=MINUTE, repeat_interval=240 * MINUTE)
    assert [route.receiver for route in primary.routes] == ["ada", "grace", "lead"]
    assert {route.timers.repeat_interval for route in primary.routes} == {10 * MINUTE}


def test_children_inherit_the_policy_and_may_have_their_own() -> None:
    critical, low = load(GOOD).root.routes
    assert [level.step.wait for level in critical.levels] == [5 * MINUTE, 15 * MINUTE]
    assert [level.step.wait for level in low.levels] == [1440 * MINUTE]


@pytest.mark.parametrize(
    ("at", "receiver"),
    [
        ("2026-11-16T08:59:59Z", "lead"),
        ("2026-11-16T09:00:00Z", "ada"),
        ("2026-11-23T08:59:59Z", "ada"),
        ("2026-11-23T09:00:00Z", "grace"),
        ("2026-12-01T00:00:00Z", "lead"),
    ],
)
def test_whoever_is_on_call_is_told_and_somebody_always_is(at, receiver) -> None:
    assert load(GOOD).rotas["primary"].receiver_at(time_of(at)) == receiver


SOURCED = """
route: {receiver: a, escalation: p}
receivers: [{name: a, channels: [email]}, {name: b, channels: [slack]}]
escalations: [{name: p, levels: [{wait: 1m, on_call: r}]}]
on_call: [{name: r, otherwise: a, source: SOURCE}]
"""


def test_a_source_may_name_every_receiver_and_is_asked_when_the_level_is_reached() -> None:
    routing = load(SOURCED.replace("SOURCE", "{url: https://rota.example.org/, refresh: 1m}"))
    rota = routing.rotas["r"]
    assert rota.source == RotaSource(url="https://rota.example.org/", refresh=MINUTE)
    assert [route.receiver for route in routing.root.levels[0].routes] == ["a", "b"]
    said = read_shifts("shifts: [{receiver: b, from: '2026-11-16T09:00:00Z', until: '2026-11-23T09:00:00Z'}]", "ab", source="x")
    assert rota.receiver_at(time_of("2026-11-17T00:00:00Z"), said) == "b"
    assert rota.receiver_at(time_of("2026-11-17T00:00:00Z")) == "a"


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("{url: https://x.org, file: /y}", "must name either a url or a file"),
        ("{refresh: 1m}", "must name either a url or a file"),
        ("{url: ftp://x.org}", "must begin with https:// or http://"),
        ("{file: /y, refresh: 0s}", "must be longer than 0"),
        ("{file: /y}, shifts: []", "come from the source"),
    ],
)
def test_a_source_that_cannot_be_read_is_a_fault(source, problem) -> None:
    with pytest.raises(InvalidAlertingConfig, match=problem):
        load(SOURCED.replace("SOURCE", source))


def test_the_routes_of_levels_are_found_by_their_keys_of_which_no_two_are_equal() -> None:
    routing = load(GOOD)
    levels = [one for route in routing.root.walk() for level in route.levels for one in level.routes]
    assert len({route.key for route in levels}) == len(levels) == 4 + 4 + 1
    assert all(routing.route(route.key) is route for route in levels)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("escalation: slow", "escalation: fast", "'fast' is no policy; defined under escalations are owners, slow"),
        ("wait: 5m, ", "", "has no wait"),
        ("receiver: lead, active", "active", "either a receiver or"),
        ("receiver: lead, active", "receiver: lead, on_call: primary, active", "either a receiver or"),
        ("on_call: primary,", "on_call: nobody,", "'nobody' is no rota"),
        ("[office]", "[home]", "'home' is no time interval"),
        ("receiver: ada,", "receiver: bob,", "'bob' is no receiver"),
        ("2026-11-16T09:00:00Z", "monday", "on_call[0].shifts[0].from"),
        ("2026-11-16T09:00:00Z", "2027-11-16T09:00:00Z", "must end after it begins"),
        ("otherwise: lead", "shiftz: 1", "shiftz"),
        ("wait: 1d, receiver: lead", "wait: soon, receiver: lead", "is no duration"),
        ("levels: [{wait: 1d, receiver: lead}]", "levels: []", "has no levels"),
        ("name: slow", "name: owners", "an earlier policy"),
        ("repeat_interval: 10m", "repeat_interval: 0", "longer than 0"),
    ],
)
def test_every_fault_is_named_with_its_place(old, new, problem) -> None:
    assert old in GOOD
    with pytest.raises(InvalidAlertingConfig) as refused:
        load(GOOD.replace(old, new))
    assert problem in str(refused.value)


def test_without_a_configuration_a_critical_alert_on_nobodys_mind_is_an_emergency_after_15_minutes() -> None:
    routing = default_routing(webhook=False)
    (route,) = routing.root.match({"priority": "critical"})
    (level,) = route.levels
    assert (level.step.wait, EMERGENCY_WAIT) == (15 * MINUTE, 15 * MINUTE)
    assert [one.kind for one in routing.receivers[level.step.otherwise].channels] == ["pagerduty", "slack", "teams"]
    assert not any(one.levels for one in routing.root.match({"priority": "high"}))


def test_timers_of_the_settings_hold_for_levels_too_but_a_level_waits_for_nobody() -> None:
    changed = with_timers(load(GOOD), wait=7, interval=8, repeat=9)
    (route,) = changed.root.levels[0].routes
    assert route.timers == Timers(group_wait=0, group_interval=8, repeat_interval=9)
