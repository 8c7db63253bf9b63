import pytest

from driftline.alerting.config import default_routing, load, with_timers
from driftline.alerting.errors import InvalidAlertingConfig

MINUTE = 60_000_000

GOOD = """
route:
  receiver: team
  group_by: [model_id, kind]
  group_wait: 10s
  repeat_interval: 1h30m
  routes:
    - matchers: ['priority="critical"']
      group_wait: 0s
    - matchers: ['priority="critical"']
      receiver: team
receivers:
  - name: team
    channels: [email]
    webhook_configs:
      - url: https://example.org/hook
        secret_file: /run/secrets/hook
        send_resolved: false
        timeout: 5s
"""


def test_a_child_inherits_and_overrides() -> None:
    routing = load(GOOD)
    root, (first, second) = routing.root, routing.root.routes
    assert root.group_by == ("kind", "model_id")
    assert (first.receiver, first.timers.group_wait, first.timers.repeat_interval) == ("team", 0, 90 * MINUTE)
    assert first.timers.group_interval == 5 * MINUTE
    assert (first.key, second.key) == ('{}/{priority="critical"}', '{}/{priority="critical"}#2')


def test_a_webhook_is_read_with_its_options() -> None:
    email, hook = load(GOOD).receivers["team"].channels
    assert email.kind == email.name == "email"
    assert (hook.name, hook.url, hook.send_resolved, hook.timeout_seconds) == (
        "team/webhook/0",
        "https://example.org/hook",
        False,
        5.0,
    )


BASE = "route: {receiver: a}\nreceivers: [{name: a}]\n"


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("[]", "file"),
        ("route: {receiver: [", "file"),
        ("receivers: [{name: a}]", "route"),
        (BASE + "inhibit_rules: []", "inhibit_rules"),
        (BASE + "route: {receiver: a}", "route"),
        ("route: {}\nreceivers: []", "route.receiver"),
        ("route: {receiver: b}\nreceivers: [{name: a}]", "route.receiver"),
        ("route: {receiver: a, continue: true}\nreceivers: [{name: a}]", "route.continue"),
        ("route: {receiver: a, matchers: ['x=y']}\nreceivers: [{name: a}]", "route.matchers"),
        ("route: {receiver: a, group_interval: 0}\nreceivers: [{name: a}]", "route.group_interval"),
        ("route: {receiver: a, group_wait: 5}\nreceivers: [{name: a}]", "route.group_wait"),
        ("route: {receiver: a, group_wait: 5s3m}\nreceivers: [{name: a}]", "route.group_wait"),
        ("route: {receiver: a, group_by: [x, x]}\nreceivers: [{name: a}]", "route.group_by"),
        ("route: {receiver: a, group_by: ['...']}\nreceivers: [{name: a}]", "route.group_by"),
        ("route: {receiver: a, routes: [{matchers: ['x=~y']}]}\nreceivers: [{name: a}]", "route.routes[0].matchers[0]"),
        ("route: {receiver: a, routes: [{matchers: [x]}]}\nreceivers: [{name: a}]", "route.routes[0].matchers[0]"),
        ("route: {receiver: a, routes: [{receiver: b}]}\nreceivers: [{name: a}]", "route.routes[0].receiver"),
        ("route: {receiver: a, routes: [{continue: maybe}]}\nreceivers: [{name: a}]", "route.routes[0].continue"),
        (
            "route: {receiver: a, routes: [{mute_time_intervals: []}]}\nreceivers: [{name: a}]",
            "route.routes[0].mute_time_intervals",
        ),
        ("route: {receiver: a}\nreceivers: [{name: a}, {name: a}]", "receivers[1].name"),
        ("route: {receiver: a}\nreceivers: [{}]", "receivers[0].name"),
        ("route: {receiver: a}\nreceivers: [{name: a, channels: [fax]}]", "receivers[0].channels[0]"),
        ("route: {receiver: a}\nreceivers: [{name: a, opsgenie_configs: []}]", "receivers[0].opsgenie_configs"),
        (
            "route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{secret_file: s}]}]",
            "receivers[0].webhook_configs[0].url",
        ),
        (
            "route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url: 'ftp://x', secret_file: s}]}]",
            "receivers[0].webhook_configs[0].url",
        ),
        (
            "route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url: 'http://x'}]}]",
            "receivers[0].webhook_configs[0].secret_file",
        ),
        (
            "route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url: 'http://x', secret_file: s, timeout: 0s}]}]",
            "receivers[0].webhook_configs[0].timeout",
        ),
    ],
)
def test_what_is_wrong_is_named(text, field) -> None:
    with pytest.raises(InvalidAlertingConfig) as refused:
        load(text)
    assert refused.value.field == field


def test_scalars_stay_texts() -> None:
    (child,) = load(
        "route: {receiver: a, routes: [{matchers: ['a=2', 'b=09:00', 'c=yes']}]}\nreceivers: [{name: a}]"
    ).root.routes
    assert [matcher.value for matcher in child.matchers] == ["2", "09:00", "yes"]


@pytest.mark.parametrize(
    ("priority", "channels"),
    [
        ("low", ["email"]),
        ("medium", ["slack", "email"]),
        ("high", ["slack", "email", "teams"]),
        ("critical", ["slack", "email", "teams", "pagerduty"]),
        ("other", ["email"]),
    ],
)
def test_by_default_the_priority_chooses_the_channels(priority, channels) -> None:
    for webhook, more in ((False, []), (True, ["webhook"])):
        routing = default_routing(webhook=webhook)
        (route,) = routing.root.match({"priority": priority})
        assert [channel.kind for channel in routing.receivers[route.receiver].channels] == channels + more
        assert route.group_by == ("model_id",)


def test_timers_can_be_overridden_everywhere() -> None:
    routing = with_timers(load(GOOD), wait=1, interval=2, repeat=None)
    assert [(route.timers.group_wait, route.timers.group_interval) for route in routing.root.walk()] == [(1, 2)] * 3
    assert routing.root.routes[0].timers.repeat_interval == 90 * MINUTE
