"""The alerting configuration: a strict reader of Alertmanager's YAML, and what holds without any.

What is not supported is a fault that names the field, never silence; all faults of a file are told at once.
"""

from collections.abc import Callable
from dataclasses import replace

from driftline.alerting.alert import Priority
from driftline.alerting.config_document import open_document
from driftline.alerting.config_escalations import read_policies, read_rotas
from driftline.alerting.config_noise import read_noise
from driftline.alerting.config_receivers import apprise_form, read_global, read_receivers
from driftline.alerting.config_routes import RouteReader, inhibit_rules
from driftline.alerting.config_texts import ReadTemplates, no_templates, read_library
from driftline.alerting.config_time_intervals import time_intervals
from driftline.alerting.enrichment import EMERGENCY_CHANNELS, default_channels
from driftline.alerting.errors import InvalidAlertingConfig
from driftline.alerting.escalation import Rota, Step
from driftline.alerting.matcher_syntax import Syntax, parse_matchers
from driftline.alerting.noise import NoiseControl
from driftline.alerting.routing import ChannelSpec, Receiver, Route, Routing, Timers, escalation_levels

_TOP = frozenset(
    {
        "global",
        "route",
        "inhibit_rules",
        "receivers",
        "templates",
        "mute_time_intervals",
        "time_intervals",
        "escalations",
        "on_call",
        "noise_control",
    }
)
DIGEST_PERIOD = 86_400_000_000
"""Microseconds between the mails about alerts of low priority without a configuration that says otherwise."""
EMERGENCY_WAIT = 900_000_000
"""Microseconds that a critical alert may be on nobody's mind without a configuration that says otherwise (RSP-20)."""

_EMERGENCY = "emergency"
_LOW_AT_ONCE = "low at once"
_REMEDIES = {
    "tracing": "is not supported; remove it",
    "event_recorder": "is not needed: every decision is on the topic notifications; remove it",
}


def load(
    text: str,
    *,
    source: str = "alerting.yml",
    syntax: Syntax = Syntax.FALLBACK,
    apprise: Callable[[str], str] = apprise_form,
    templates: ReadTemplates = no_templates,
) -> Routing:
    """The routing in a YAML text; `source` is the file's name in faults. Raises InvalidAlertingConfig with all faults.

    `apprise` reads a URL of Apprise and raises ValueError for what is none, `templates` the files of macros.
    """
    document = open_document(text, source)
    findings = document.findings
    if findings.faults:
        raise InvalidAlertingConfig(*findings.faults)
    top = document.mapping(_TOP, _REMEDIES)
    everywhere = read_global(top.get("global"))
    library = read_library(top.get("templates"), templates)
    receivers = read_receivers(top.get("receivers"), everywhere, apprise, library)
    intervals = time_intervals(top)
    rotas = read_rotas(top.get("on_call"), receivers)
    policies = read_policies(top.get("escalations"), receivers, rotas, intervals)
    root = None
    if "route" in top:
        root = RouteReader(receivers, intervals, policies, syntax).root(top["route"])
    elif not findings.faults:
        document.fault("has no route; add one with a receiver")
    noise = read_noise(top.get("noise_control"))
    rules = inhibit_rules(top.get("inhibit_rules"), syntax) + noise.inhibit_rules
    if findings.faults or root is None:
        raise InvalidAlertingConfig(*sorted(findings.faults, key=lambda fault: fault.line))
    return Routing(root, receivers, rules, intervals, rotas, noise, everywhere.resolve_timeout, tuple(findings.warnings))


def default_routing(*, webhook: bool, timers: Timers | None = None) -> Routing:
    """One route per priority with the channels of ALR-04, grouped by model; the webhook hears of all where there is one.

    Those of low priority are mailed together once a day; the webhook hears of them at once.
    An alert of any other priority stays with the root, which sends e-mail. A critical one of which nobody takes care within
    15 minutes is an emergency (RSP-17, RSP-20).
    """
    receivers = {
        name: Receiver(name, _named_channels(default_channels(name), webhook=webhook and name != Priority.LOW))
        for name in ("default", *Priority)
    }
    receivers[_EMERGENCY] = Receiver(_EMERGENCY, _named_channels(EMERGENCY_CHANNELS, webhook=webhook))
    timers = timers or Timers()
    matchers = {priority: parse_matchers(f'priority="{priority}"') for priority in Priority}
    children = tuple(
        Route(
            key=f'{{}}/{{priority="{priority}"}}',
            receiver=priority.value,
            group_by=("model_id",),
            timers=timers,
            matchers=matchers[priority],
        )
        for priority in Priority
    )
    low, *others, critical = children
    daily = replace(timers, group_wait=DIGEST_PERIOD, group_interval=DIGEST_PERIOD)
    digests = [replace(low, group_by=(), timers=daily, digest=True, continue_matching=webhook)]
    if webhook:
        receivers[_LOW_AT_ONCE] = Receiver(_LOW_AT_ONCE, _named_channels((), webhook=True))
        digests.append(replace(low, key=f"{low.key}#2", receiver=_LOW_AT_ONCE))
    step = Step(wait=EMERGENCY_WAIT, rota="", otherwise=_EMERGENCY, repeat_interval=timers.repeat_interval)
    children = (
        *digests,
        *others,
        replace(critical, levels=escalation_levels(critical, [(step, Rota(name="", otherwise=_EMERGENCY))])),
    )
    root = Route(key="{}", receiver="default", group_by=("model_id",), timers=timers, routes=children)
    noise = NoiseControl()
    return Routing(root, receivers, noise.inhibit_rules, noise=noise)


def with_timers(routing: Routing, *, wait: int | None, interval: int | None, repeat: int | None) -> Routing:
    """The same routing with these timers (microseconds) on every route; None leaves them as they are."""

    def changed(route: Route) -> Route:
        timers = Timers(
            group_wait=route.timers.group_wait if wait is None else wait,
            group_interval=route.timers.group_interval if interval is None else interval,
            repeat_interval=route.timers.repeat_interval if repeat is None else repeat,
        )
        levels = tuple(
            replace(level, step=repeated(level.step), routes=tuple(map(at_once, level.routes))) for level in route.levels
        )
        return replace(route, timers=timers, routes=tuple(map(changed, route.routes)), levels=levels)

    def repeated(step: Step) -> Step:
        return replace(step, repeat_interval=step.repeat_interval if repeat is None else repeat)

    def at_once(route: Route) -> Route:
        again = changed(route)
        return replace(again, timers=replace(again.timers, group_wait=0))

    return replace(routing, root=changed(routing.root))


def _named_channels(kinds: tuple[str, ...], *, webhook: bool) -> tuple[ChannelSpec, ...]:
    kinds += ("webhook",) if webhook else ()
    return tuple(ChannelSpec(kind=kind, name=kind) for kind in kinds)
