"""The alerting configuration: a strict reader of the YAML, and what holds without any.

The words are Alertmanager's. What is not supported is an error that names the field, never silence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import yaml

from driftline.alerting.alert import Priority
from driftline.alerting.durations import parse_duration
from driftline.alerting.enrichment import default_channels
from driftline.alerting.errors import InvalidAlertingConfig
from driftline.alerting.matchers import parse_matchers
from driftline.alerting.routing import ChannelSpec, Matcher, Receiver, Route, Routing, Timers

KINDS = ("slack", "email", "teams", "pagerduty", "webhook")
"""Channels that can be named; which of them can send is the service's matter."""

_TIMERS = ("group_wait", "group_interval", "repeat_interval")
_ROUTE_FIELDS = frozenset({"receiver", "group_by", "matchers", "continue", "routes", *_TIMERS})
_RECEIVER_FIELDS = frozenset({"name", "channels", "webhook_configs"})
_WEBHOOK_FIELDS = frozenset({"url", "secret_file", "send_resolved", "timeout"})


class _Texts(yaml.SafeLoader):
    """Every scalar stays the text it was written as (`09:00` is no number), and no key may come twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - as inherited
        names = [key.value for key, _ in node.value]
        if twice := {name for name in names if names.count(name) > 1}:
            line = node.start_mark.line + 1
            raise InvalidAlertingConfig(min(twice), f"stands twice in the mapping that begins in line {line}; keep one")
        return super().construct_mapping(node, deep=deep)


_Texts.yaml_implicit_resolvers = {}


def load(text: str) -> Routing:
    """The routing in a YAML text. Raises InvalidAlertingConfig."""
    try:
        document = yaml.load(text, Loader=_Texts)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise InvalidAlertingConfig("file", f"is no YAML: {error}") from error
    top = _mapping(document, "file", frozenset({"route", "receivers"}))
    receivers = _receivers(top.get("receivers"))
    if "route" not in top:
        raise InvalidAlertingConfig("route", "is missing; add one with a receiver")
    return Routing(_root(top["route"], receivers), receivers)


def default_routing(*, webhook: bool, timers: Timers | None = None) -> Routing:
    """One route per priority with the channels of ALR-04, grouped by model; the webhook hears of all where there is one.

    An alert of any other priority stays with the root, which sends e-mail.
    """
    receivers = {name: Receiver(name, _named_channels(name, webhook=webhook)) for name in ("default", *Priority)}
    timers = timers or Timers()
    matchers = {priority: (parse_matchers(f'priority="{priority}"')) for priority in Priority}
    children = tuple(
        Route(
            key=_key("{}", matchers[priority]),
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


def _receivers(raw: object) -> Mapping[str, Receiver]:
    receivers: dict[str, Receiver] = {}
    for number, item in enumerate(_list(raw, "receivers")):
        field = f"receivers[{number}]"
        values = _mapping(item, field, _RECEIVER_FIELDS)
        name = _text(values.get("name"), f"{field}.name")
        if name in receivers:
            raise InvalidAlertingConfig(f"{field}.name", f"{name!r} is the name of an earlier receiver; choose another")
        channels = [
            *_channel_names(values.get("channels", []), f"{field}.channels"),
            *_webhooks(values.get("webhook_configs", []), f"{field}.webhook_configs", name),
        ]
        receivers[name] = Receiver(name, tuple(channels))
    return receivers


def _channel_names(raw: object, field: str) -> list[ChannelSpec]:
    kinds = [_text(item, f"{field}[{number}]") for number, item in enumerate(_list(raw, field))]
    for number, kind in enumerate(kinds):
        if kind not in KINDS:
            problem = f"Unknown channel: {kind}; known are {', '.join(KINDS)}"
            raise InvalidAlertingConfig(f"{field}[{number}]", problem)
        if kind in kinds[:number]:
            raise InvalidAlertingConfig(f"{field}[{number}]", f"{kind} stands twice; keep one")
    return [ChannelSpec(kind=kind, name=kind) for kind in kinds]


def _webhooks(raw: object, field: str, receiver: str) -> list[ChannelSpec]:
    specs = []
    for number, item in enumerate(_list(raw, field)):
        here = f"{field}[{number}]"
        values = _mapping(item, here, _WEBHOOK_FIELDS)
        url = _text(values.get("url"), f"{here}.url")
        if not url.startswith(("http://", "https://")):
            raise InvalidAlertingConfig(f"{here}.url", "must begin with https:// or http://")
        timeout = _duration(values.get("timeout", "30s"), f"{here}.timeout")
        if not timeout:
            raise InvalidAlertingConfig(f"{here}.timeout", "must be longer than 0")
        specs.append(
            ChannelSpec(
                kind="webhook",
                name=f"{receiver}/webhook/{number}",
                send_resolved=_bool(values.get("send_resolved", "true"), f"{here}.send_resolved"),
                url=url,
                secret_file=_text(values.get("secret_file"), f"{here}.secret_file"),
                timeout_seconds=timeout / 1_000_000,
            )
        )
    return specs


def _root(raw: object, receivers: Mapping[str, Receiver]) -> Route:
    values = _mapping(raw, "route", _ROUTE_FIELDS)
    for forbidden in ("matchers", "continue"):
        if forbidden in values:
            raise InvalidAlertingConfig(f"route.{forbidden}", "the root matches everything; move this to a child route")
    if "receiver" not in values:
        raise InvalidAlertingConfig("route.receiver", "is missing; name one of the receivers")
    parent = Route(key="", receiver="", group_by=("model_id",), timers=Timers())
    return _route(values, "route", parent, receivers, "{}")


def _route(values: Mapping[str, Any], field: str, parent: Route, receivers: Mapping[str, Receiver], key: str) -> Route:
    receiver = _text(values.get("receiver", parent.receiver), f"{field}.receiver")
    if receiver not in receivers:
        known = ", ".join(receivers) or "none"
        raise InvalidAlertingConfig(f"{field}.receiver", f"{receiver!r} is no receiver; defined are {known}")
    route = Route(
        key=key,
        receiver=receiver,
        group_by=_group_by(values["group_by"], f"{field}.group_by") if "group_by" in values else parent.group_by,
        timers=_timers(values, field, parent.timers),
        matchers=_matchers(values.get("matchers", []), f"{field}.matchers"),
        continue_matching=_bool(values.get("continue", "false"), f"{field}.continue"),
    )
    return replace(route, routes=_children(values.get("routes", []), f"{field}.routes", route, receivers))


def _children(raw: object, field: str, parent: Route, receivers: Mapping[str, Receiver]) -> tuple[Route, ...]:
    children: list[Route] = []
    for number, item in enumerate(_list(raw, field)):
        here = f"{field}[{number}]"
        values = _mapping(item, here, _ROUTE_FIELDS)
        key = _key(parent.key, _matchers(values.get("matchers", []), f"{here}.matchers"))
        twins = sum(child.key.partition("#")[0] == key for child in children)
        children.append(_route(values, here, parent, receivers, f"{key}#{twins + 1}" if twins else key))
    return tuple(children)


def _key(parent: str, matchers: Sequence[Matcher]) -> str:
    return f"{parent}/{{{','.join(map(str, matchers))}}}"


def _timers(values: Mapping[str, Any], field: str, inherited: Timers) -> Timers:
    chosen = {name: _duration(values[name], f"{field}.{name}") for name in _TIMERS if name in values}
    for name in ("group_interval", "repeat_interval"):
        if chosen.get(name) == 0:
            raise InvalidAlertingConfig(f"{field}.{name}", "must be longer than 0")
    return replace(inherited, **chosen)


def _group_by(raw: object, field: str) -> tuple[str, ...]:
    names = [_text(item, f"{field}[{number}]") for number, item in enumerate(_list(raw, field))]
    if "..." in names:
        raise InvalidAlertingConfig(field, "'...' (group by all labels) is not supported; name the labels")
    if twice := [name for name in names if names.count(name) > 1]:
        raise InvalidAlertingConfig(field, f"{twice[0]} stands twice; keep one")
    return tuple(sorted(names))


def _matchers(raw: object, field: str) -> tuple[Matcher, ...]:
    found: list[Matcher] = []
    for number, item in enumerate(_list(raw, field)):
        try:
            found += parse_matchers(_text(item, f"{field}[{number}]"))
        except ValueError as error:
            raise InvalidAlertingConfig(f"{field}[{number}]", str(error)) from error
    return tuple(sorted(found, key=lambda matcher: (matcher.name, matcher.value, matcher.operator)))


def _mapping(raw: object, field: str, known: frozenset[str]) -> Mapping[str, Any]:
    if not isinstance(raw, dict):
        raise InvalidAlertingConfig(field, "must be a mapping")
    for name in raw:
        if name not in known:
            problem = f"is not supported; supported are {', '.join(sorted(known))}"
            raise InvalidAlertingConfig(name if field == "file" else f"{field}.{name}", problem)
    return raw


def _list(raw: object, field: str) -> Sequence[object]:
    if raw is None or raw == "":
        return []
    if not isinstance(raw, list):
        raise InvalidAlertingConfig(field, "must be a list")
    return raw


def _text(raw: object, field: str) -> str:
    if not isinstance(raw, str) or not raw:
        raise InvalidAlertingConfig(field, "is missing or empty; write a text")
    return raw


def _bool(raw: object, field: str) -> bool:
    if raw not in ("true", "false"):
        raise InvalidAlertingConfig(field, "must be true or false")
    return raw == "true"


def _duration(raw: object, field: str) -> int:
    try:
        return parse_duration(_text(raw, field))
    except ValueError as error:
        raise InvalidAlertingConfig(field, str(error)) from error
