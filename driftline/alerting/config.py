"""The alerting configuration: a strict reader of Alertmanager's YAML, and what holds without any.

What is not supported is a fault that names the field, never silence; all faults of a file are told at once.
"""

from dataclasses import replace

from driftline.alerting.alert import Priority
from driftline.alerting.config_document import Field, open_document
from driftline.alerting.config_receivers import read_global, read_receivers
from driftline.alerting.config_routes import RouteReader, inhibit_rules
from driftline.alerting.config_time_intervals import time_intervals
from driftline.alerting.enrichment import default_channels
from driftline.alerting.errors import InvalidAlertingConfig
from driftline.alerting.matcher_syntax import Syntax, parse_matchers
from driftline.alerting.routing import ChannelSpec, Receiver, Route, Routing, Timers

_TOP = frozenset({"global", "route", "inhibit_rules", "receivers", "templates", "mute_time_intervals", "time_intervals"})
_REMEDIES = {
    "tracing": "is not supported; remove it",
    "event_recorder": "is not needed: every decision is on the topic notifications; remove it",
}


def load(text: str, *, source: str = "alerting.yml", syntax: Syntax = Syntax.FALLBACK) -> Routing:
    """The routing in a YAML text; `source` is the file's name in faults. Raises InvalidAlertingConfig with all faults."""
    document = open_document(text, source)
    findings = document.findings
    if findings.faults:
        raise InvalidAlertingConfig(*findings.faults)
    top = document.mapping(_TOP, _REMEDIES)
    everywhere = read_global(top.get("global"))
    receivers = read_receivers(top.get("receivers"), everywhere)
    intervals = time_intervals(top)
    _refuse_templates(top.get("templates"))
    root = None
    if "route" in top:
        root = RouteReader(receivers, intervals, syntax).root(top["route"])
    elif not findings.faults:
        document.fault("has no route; add one with a receiver")
    rules = inhibit_rules(top.get("inhibit_rules"), syntax)
    if findings.faults or root is None:
        raise InvalidAlertingConfig(*sorted(findings.faults, key=lambda fault: fault.line))
    return Routing(root, receivers, rules, intervals, everywhere.resolve_timeout, tuple(findings.warnings))


def _refuse_templates(field: Field | None) -> None:
    if field is not None and field.items():
        field.fault("are templates of Go, which are not supported; remove them: the channels have messages of their own")


def default_routing(*, webhook: bool, timers: Timers | None = None) -> Routing:
    """One route per priority with the channels of ALR-04, grouped by model; the webhook hears of all where there is one.

    An alert of any other priority stays with the root, which sends e-mail.
    """
    receivers = {name: Receiver(name, _named_channels(name, webhook=webhook)) for name in ("default", *Priority)}
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
    root = Route(key="{}", receiver="default", group_by=("model_id",), timers=timers, routes=children)
    return Routing(root, receivers)


def with_timers(routing: Routing, *, wait: int | None, interval: int | None, repeat: int | None) -> Routing:
    """The same routing with these timers (microseconds) on every route; None leaves them as they are."""

    def changed(route: Route) -> Route:
        timers = Timers(
            group_wait=route.timers.group_wait if wait is None else wait,
            group_interval=route.timers.group_interval if interval is None else interval,
            repeat_interval=route.timers.repeat_interval if repeat is None else repeat,
        )
        return replace(route, timers=timers, routes=tuple(map(changed, route.routes)))

    return replace(routing, root=changed(routing.root))


def _named_channels(priority: str, *, webhook: bool) -> tuple[ChannelSpec, ...]:
    kinds = default_channels(priority) + (("webhook",) if webhook else ())
    return tuple(ChannelSpec(kind=kind, name=kind) for kind in kinds)
