import random

import pytest

from driftline.alerting.config import default_routing, load, with_timers
from driftline.alerting.config_receivers import NOT_SENT_TO
from driftline.alerting.errors import InvalidAlertingConfig
from driftline.alerting.noise import DATA_QUALITY_EXPLAINS_DRIFT, FlappingRule, NoiseControl
from driftline.alerting.pace import Pace

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
A = "\nreceivers: [{name: a}]"


def faults(text: str) -> list[tuple[int, str]]:
    with pytest.raises(InvalidAlertingConfig) as refused:
        load(text)
    return [(fault.line, fault.field) for fault in refused.value.faults]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("[]", "file"),
        ("", "file"),
        ("route: {receiver: [", "file"),
        ("receivers: [{name: a}]", "file"),
        (BASE + "tracing: {}", "tracing"),
        (BASE + "event_recorder: {}", "event_recorder"),
        (BASE + "templates: ['*.tmpl']", "templates[0]"),
        (BASE + "route: {receiver: a}", "route"),
        ("route: {}\nreceivers: []", "route"),
        ("route: {receiver: b}" + A, "route.receiver"),
        ("route: {receiver: a, continue: true}" + A, "route.continue"),
        ("route: {receiver: a, matchers: ['x=y']}" + A, "route.matchers"),
        ("route: {receiver: a, match: {x: y}}" + A, "route.match"),
        ("route: {receiver: a, active_time_intervals: [n]}\ntime_intervals: [{name: n}]" + A, "route.active_time_intervals"),
        ("route: {receiver: a, labels: {x: y}}" + A, "route.labels"),
        ("route: {receiver: a, group_interval: 0}" + A, "route.group_interval"),
        ("route: {receiver: a, repeat_interval: 0s}" + A, "route.repeat_interval"),
        ("route: {receiver: a, group_wait: 5}" + A, "route.group_wait"),
        ("route: {receiver: a, group_wait: 5s3m}" + A, "route.group_wait"),
        ("route: {receiver: a, group_by: [x, x]}" + A, "route.group_by[1]"),
        ("route: {receiver: a, group_by: ['...', x]}" + A, "route.group_by"),
        ("route: {receiver: a, group_by: x}" + A, "route.group_by"),
        ("route: {receiver: a, routes: [{matchers: ['x=~(y']}]}" + A, "route.routes[0].matchers[0]"),
        ("route: {receiver: a, routes: [{match_re: {x: '(?=y)'}}]}" + A, "route.routes[0].match_re.x"),
        ("route: {receiver: a, routes: [{match: {'x y': z}}]}" + A, "route.routes[0].match.x y"),
        ("route: {receiver: a, routes: [{matchers: [x]}]}" + A, "route.routes[0].matchers[0]"),
        ("route: {receiver: a, routes: [{matchers: [[x]]}]}" + A, "route.routes[0].matchers[0]"),
        ("route: {receiver: a, routes: [{receiver: b}]}" + A, "route.routes[0].receiver"),
        ("route: {receiver: a, routes: [{continue: maybe}]}" + A, "route.routes[0].continue"),
        ("route: {receiver: a, routes: [{mute_time_intervals: [x]}]}" + A, "route.routes[0].mute_time_intervals[0]"),
        ("route: {receiver: a}\nreceivers: [{name: a}, {name: a}]", "receivers[1].name"),
        ("route: {receiver: a}\nreceivers: [{name: a}, {}]", "receivers[1]"),
        ("route: {receiver: a}\nreceivers: [{name: a, channels: [fax]}]", "receivers[0].channels[0]"),
        ("route: {receiver: a}\nreceivers: [{name: a, channels: [email, email]}]", "receivers[0].channels[1]"),
        ("route: {receiver: a}\nreceivers: [{name: a, fax_configs: []}]", "receivers[0].fax_configs"),
        ("route: {receiver: a}\nreceivers: [{name: a, jira_configs: [{}]}]", "receivers[0].jira_configs"),
        (
            "route: {receiver: a}\nreceivers: [{name: a, slack_configs: [{api_url: 'http://hooks.example.org/x'}]}]",
            "receivers[0].slack_configs[0].api_url",
        ),
        (BASE + "inhibit_rules: [{sources: []}]", "inhibit_rules[0].sources"),
        (BASE + "inhibit_rules: [{source_matchers: ['x=~*']}]", "inhibit_rules[0].source_matchers[0]"),
        (BASE + "time_intervals: [{}]", "time_intervals[0]"),
        (BASE + "time_intervals: [{name: x}]\nmute_time_intervals: [{name: x}]", "mute_time_intervals[0].name"),
        (BASE + "global: {http_config: {}}", "global.http_config"),
        (BASE + "global: {resolve_timeout: soon}", "global.resolve_timeout"),
        (
            "route: {receiver: a}\nreceivers: [{name: a, apprise_configs: [{url: no-url}]}]",
            "receivers[0].apprise_configs[0].url",
        ),
        ("route: {receiver: a}\nreceivers: [{name: a, apprise_configs: [{}]}]", "receivers[0].apprise_configs[0]"),
    ],
)
def test_what_is_wrong_is_named(text, field) -> None:
    assert [name for _, name in faults(text)] == [field]


def test_a_file_with_a_url_of_apprise_is_read_later() -> None:
    routing = load("route: {receiver: a}\nreceivers: [{name: a, apprise_configs: [{url_file: /run/secrets/discord}]}]")
    assert routing.receivers["a"].channels[0].options == {"url_file": "/run/secrets/discord"}


@pytest.mark.parametrize("section", sorted(NOT_SENT_TO))
def test_an_integration_that_is_not_sent_to_is_named(section) -> None:
    assert faults(f"route: {{receiver: a}}\nreceivers:\n  - name: a\n    {section}: [{{}}]") == [(4, f"receivers[0].{section}")]


def webhook(fields: str) -> str:
    return f"route: {{receiver: a}}\nreceivers: [{{name: a, webhook_configs: [{fields}]}}]"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ("{secret_file: s}", ""),
        ("{url: 'ftp://x'}", ".url"),
        ("{url: 'http://x', timeout: fast}", ".timeout"),
        ("{url: 'http://x/{{ .x }}'}", ".url"),
        ("{url: 'http://x', http_config: {proxy_url: y}}", ".http_config"),
        ("{url: 'http://x', payload: {}}", ".payload"),
        ("{url: 'http://x', send_resolved: perhaps}", ".send_resolved"),
        ("{url: 'http://x', max_per_minute: 0}", ".max_per_minute"),
        ("{url: 'http://x', max_per_minute: 60001}", ".max_per_minute"),
        ("{url: 'http://x', max_per_minute: 1/s}", ".max_per_minute"),
    ],
)
def test_what_is_wrong_with_an_integration_is_named(fields, field) -> None:
    assert [name for _, name in faults(webhook(fields))] == [f"receivers[0].webhook_configs[0]{field}"]


def test_all_faults_are_told_at_once_with_their_lines_in_order() -> None:
    text = """
route:
  receiver: b
  group_wait: 5
  routes:
    - matchers: ['x']
      colour: red
receivers:
  - name: a
    slack_configs:
      - channel: '{{ .x }}'
"""
    assert faults(text) == [
        (3, "route.receiver"),
        (4, "route.group_wait"),
        (6, "route.routes[0].matchers[0]"),
        (7, "route.routes[0].colour"),
        (11, "receivers[0].slack_configs[0]"),
        (11, "receivers[0].slack_configs[0].channel"),
    ]


def test_a_fault_reads_as_file_line_field_and_remedy() -> None:
    with pytest.raises(InvalidAlertingConfig) as refused:
        load("route: {receiver: b}" + A, source="etc/alerts.yml")
    assert str(refused.value.faults[0]) == "etc/alerts.yml:1: route.receiver: 'b' is no receiver; defined are a"
    assert str(refused.value.faults[0]) in str(refused.value)


def test_a_cyclic_document_ends_with_a_fault() -> None:
    text = "route: &r {receiver: a, routes: [*r]}" + A
    assert {name.replace(".routes[0]", "") for _, name in faults(text)} == {"route"}


def test_anchors_and_merges_are_followed() -> None:
    (child,) = load(
        "route: {receiver: a, routes: [{<<: *base, group_wait: 1s}]}\n".replace("*base", "{group_wait: 9s, continue: true}")
        + "receivers: [{name: a}]"
    ).root.routes
    assert (child.timers.group_wait, child.continue_matching) == (1_000_000, True)


def test_what_is_not_inherited_and_what_is() -> None:
    root = load(
        """
route:
  receiver: a
  group_by: ['...']
  routes:
    - mute_time_intervals: [night]
      active_time_intervals: [day]
      continue: true
      routes:
        - {}
        - group_by: []
    - group_by:
receivers: [{name: a}]
time_intervals: [{name: night}, {name: day}]
"""
    ).root
    first, second = root.routes
    inherits, empties = first.routes
    assert (first.mute_time_intervals, first.active_time_intervals) == (("night",), ("day",))
    assert (inherits.mute_time_intervals, inherits.active_time_intervals, inherits.continue_matching) == ((), (), False)
    assert (inherits.group_by_all, empties.group_by_all, second.group_by_all) == (True, False, True)
    assert load(BASE).root.group_by == ()


def test_all_ways_to_write_matchers_hold_together_in_order() -> None:
    (child,) = load(
        "route: {receiver: a, routes: [{matchers: ['c!=x', '{b=\"y\",b!~z}'], match: {a: 1}, match_re: {a: 0|1}}]}" + A
    ).root.routes
    assert child.key == '{}/{a=~"0|1",a="1",b="y",b!~"z",c!="x"}'


def test_a_key_that_pagerduty_cannot_have_is_a_fault_that_does_not_quote_it() -> None:
    text = "route: {receiver: a}\nreceivers: [{name: a, pagerduty_configs: [{routing_key: hush}]}]"
    with pytest.raises(InvalidAlertingConfig, match=r"pagerduty_configs\[0\].routing_key: .*32 characters") as refused:
        load(text)
    assert "hush" not in str(refused.value)


def test_what_is_refused_is_not_named_among_what_is_supported() -> None:
    with pytest.raises(InvalidAlertingConfig) as refused:
        load(BASE + "trace: x")
    assert "supported are escalations" in str(refused.value)
    assert "tracing" not in str(refused.value)


def test_integrations_take_the_defaults_of_global() -> None:
    routing = load(
        """
global: {slack_api_url: https://s/, smtp_from: f@x, smtp_smarthost: 'm:25', smtp_auth_password: p, resolve_timeout: 1m}
route: {receiver: a}
receivers:
  - name: a
    slack_configs: [{channel: '#x'}, {channel: '#y', api_url_file: /f}]
    email_configs: [{to: t@x, auth_password_file: /p, require_tls: false}]
    pagerduty_configs: [{routing_key: 0123456789abcdef0123456789abcdef, url: 'https://p/'}]
    msteamsv2_configs: [{webhook_url: https://t/}]
"""
    )
    specs = routing.receivers["a"].channels
    assert [(spec.kind, spec.name, spec.send_resolved) for spec in specs] == [
        ("slack", "a/slack/0", False),
        ("slack", "a/slack/1", False),
        ("pagerduty", "a/pagerduty/0", True),
        ("email", "a/email/0", False),
        ("teams", "a/teams/0", True),
    ]
    assert [dict(spec.options) for spec in specs[:3]] == [
        {"api_url": "https://s/", "channel": "#x"},
        {"api_url_file": "/f", "channel": "#y"},
        {"routing_key": "0123456789abcdef0123456789abcdef", "url": "https://p/"},
    ]
    assert dict(specs[3].options) == {
        "to": "t@x",
        "from": "f@x",
        "smarthost": "m:25",
        "auth_password_file": "/p",
        "require_tls": False,
    }
    assert routing.resolve_timeout == MINUTE


def test_the_pace_of_a_channel_is_the_configured_one_else_what_its_service_publishes() -> None:
    hooks = "[{url: 'http://x'}, {url: 'http://x', max_per_minute: 30}]"
    chats = "[{api_url: 'https://s/'}, {api_url: 'https://s/', max_per_minute: 600}]"
    text = (
        f"route: {{receiver: a}}\nreceivers: [{{name: a, webhook_configs: {hooks}, slack_configs: {chats}, channels: [slack]}}]"
    )
    paces = {name: spec.pace for name, spec in load(text).channels.items()}
    assert paces == {
        "slack": Pace(60),
        "a/webhook/0": None,
        "a/webhook/1": Pace(30),
        "a/slack/0": Pace(60),
        "a/slack/1": Pace(600),
    }


def test_what_should_be_written_in_another_way_is_a_warning() -> None:
    routing = load("route: {receiver: a, repeat_interval: 1m, routes: [{matchers: ['a=']}]}" + A, source="f.yml")
    assert [warning.partition(" ")[0] for warning in routing.warnings] == ["f.yml:1:", "f.yml:1:"]
    assert 'write {a=""}' in routing.warnings[1]


PIECES = [
    "{",
    "}",
    "[",
    "]",
    ":",
    "- ",
    "&a ",
    "*a",
    "<<: ",
    "null",
    '"',
    "\n",
    "  ",
    "{{ x }}",
    "\x00",
    "💥",
    "!!int ",
    "|",
    ">",
    "\t",
    "=~(",
]


def test_a_damaged_file_ends_with_faults_and_nothing_else() -> None:
    rng = random.Random(9)
    refused = 0
    for _ in range(400):
        text = GOOD
        for _ in range(rng.randrange(1, 4)):
            place = rng.randrange(len(text))
            text = text[:place] + rng.choice(PIECES) + text[place + rng.randrange(6) :]
        try:
            load(text)
        except InvalidAlertingConfig as error:
            refused += bool(error.faults)
    assert 100 <= refused <= 400


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
        routes = routing.root.match({"priority": priority})
        told = [channel.kind for route in routes for channel in routing.receivers[route.receiver].channels]
        assert told == channels + more
        assert {route.group_by for route in routes if not route.digest} <= {("model_id",)}


def test_by_default_mails_of_low_priority_are_a_daily_digest_of_all_models() -> None:
    digest, at_once = default_routing(webhook=True).root.match({"priority": "low"})
    assert (digest.digest, digest.group_by, digest.timers.group_interval) == (True, (), 24 * 60 * MINUTE)
    assert (at_once.digest, at_once.group_by) == (False, ("model_id",))


def test_a_digest_groups_all_and_is_told_at_the_end_of_its_period_by_its_children_too() -> None:
    routing = load(
        """
route:
  receiver: team
  group_by: [model_id]
  routes:
    - matchers: ['priority="low"']
      digest: 6h
      routes:
        - matchers: ['model_id="a"']
        - matchers: ['model_id="b"']
          group_interval: 1m
receivers: [{name: team, channels: [email]}]
"""
    )
    (low,) = routing.root.routes
    assert (low.digest, low.group_by) == (True, ())
    assert (low.timers.group_wait, low.timers.group_interval) == (360 * MINUTE, 360 * MINUTE)
    assert [child.digest for child in low.routes] == [True, False]


@pytest.mark.parametrize(
    ("line", "field", "said"),
    [
        ("digest: 1d\n  group_wait: 1m", "route.digest", "remove group_wait and group_interval"),
        ("digest: 0s", "route.digest", "longer than 0"),
    ],
)
def test_a_digest_that_means_nothing_is_a_fault(line, field, said) -> None:
    with pytest.raises(InvalidAlertingConfig) as refused:
        load(f"route:\n  receiver: team\n  {line}\nreceivers: [{{name: team, channels: [email]}}]")
    assert [(fault.field, said in fault.problem) for fault in refused.value.faults] == [(field, True)]


def test_noise_control_is_read_and_its_defaults_hold_without() -> None:
    plain = "route: {receiver: team}\nreceivers: [{name: team, channels: [email]}]\n"
    assert load(plain).noise == NoiseControl()
    assert load(plain).inhibit_rules == (DATA_QUALITY_EXPLAINS_DRIFT,)
    routing = load(
        plain
        + "noise_control:\n  data_quality_explains_drift: false\n  quiet_after_change: 15m\n  flapping: {times: 5, steady: 2h}\n"
    )
    assert routing.inhibit_rules == ()
    assert routing.noise.quiet_after_change == 15 * MINUTE
    assert routing.noise.flapping == FlappingRule(times=5, steady=120 * MINUTE)
    with pytest.raises(InvalidAlertingConfig, match=r"noise_control\.flapping\.times: must be a whole number"):
        load(plain + "noise_control: {flapping: {times: often}}")


def test_timers_can_be_overridden_everywhere() -> None:
    routing = with_timers(load(GOOD), wait=1, interval=2, repeat=None)
    assert [(route.timers.group_wait, route.timers.group_interval) for route in routing.root.walk()] == [(1, 2)] * 3
    assert routing.root.routes[0].timers.repeat_interval == 90 * MINUTE
