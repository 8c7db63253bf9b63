"""Routes, matchers and inhibition rules of the configuration."""

import re
from collections.abc import Collection, Mapping
from dataclasses import replace

from driftline.alerting.config_document import Field
from driftline.alerting.config_escalations import LevelSpec, Policies, known_names
from driftline.alerting.durations import parse_duration
from driftline.alerting.escalation import Rota, Step
from driftline.alerting.inhibition import InhibitRule
from driftline.alerting.matcher_syntax import Syntax, disagreement, parse_matchers
from driftline.alerting.matchers import Matcher, Operator, in_order
from driftline.alerting.routing import Route, Timers, bounded, escalation_levels

_TIMERS = ("group_wait", "group_interval", "repeat_interval")
_TICKS = ("group_wait", "group_interval")
_MUTES = ("mute_time_intervals", "active_time_intervals")
_MATCHES = ("matchers", "match", "match_re")
_ROUTE = frozenset({"receiver", "escalation", "group_by", "continue", "routes", "digest", *_MATCHES, *_TIMERS, *_MUTES})
_LABELS_REMEDY = {"labels": "labels of routes are not supported; remove them and put labels into your alerting rules"}
_CLASSIC_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_SIDES = ("source", "target")
_INHIBIT = frozenset({"name", "equal", *(f"{side}_{kind}" for side in _SIDES for kind in _MATCHES)})
_MAX_KEY = 480


class RouteReader:
    """Reads a tree of routes; what it refers to must be known before."""

    def __init__(self, receivers: Collection[str], intervals: Collection[str], policies: Policies, syntax: Syntax) -> None:
        self._receivers = receivers
        self._intervals = intervals
        self._policies = policies
        self._syntax = syntax

    def root(self, field: Field) -> Route:
        """The tree; everything matches its root."""
        values = field.mapping(_ROUTE, _LABELS_REMEDY)
        for name in (*_MATCHES, *_MUTES):
            if name in values and values[name].plain():
                values[name].fault("must not stand at the root, which holds for everything; move this to a child route")
        if "continue" in values and values["continue"].boolean():
            values["continue"].fault("must not be true at the root, which has no siblings; remove it")
        if "receiver" not in values:
            field.fault("has no receiver; name one of the receivers")
        above = Route(key="", receiver="", group_by=(), timers=Timers())
        return self._route(field, values, above, None, key="{}", matchers=())

    def _route(
        self,
        field: Field,
        values: Mapping[str, Field],
        parent: Route,
        inherited: str | None,
        *,
        key: str,
        matchers: tuple[Matcher, ...],
    ) -> Route:
        """`inherited` is the parent's escalation policy."""
        policy = self._policy(values.get("escalation")) or inherited
        group_by, by_all = _group_by(values.get("group_by"), self._syntax) or (parent.group_by, parent.group_by_all)
        if "digest" in values and "group_by" not in values:
            group_by, by_all = (), False
        route = Route(
            key=key,
            receiver=self._receiver(values.get("receiver")) or parent.receiver,
            group_by=group_by,
            group_by_all=by_all,
            timers=_timers(values, parent.timers),
            digest="digest" in values or (parent.digest and not any(name in values for name in _TICKS)),
            matchers=matchers,
            continue_matching=_continues(values),
            mute_time_intervals=known_names(values.get("mute_time_intervals"), self._intervals, "time interval"),
            active_time_intervals=known_names(values.get("active_time_intervals"), self._intervals, "time interval"),
        )
        if route.timers.repeat_interval < route.timers.group_interval and any(name in values for name in _TIMERS):
            field.warn("repeat_interval is shorter than group_interval: what fires is told again every group_interval")
        levels = escalation_levels(route, (_step(route, one) for one in self._policies.get(policy or "", ())))
        return replace(route, routes=self._children(values.get("routes"), route, policy), levels=levels)

    def _children(self, field: Field | None, parent: Route, policy: str | None) -> tuple[Route, ...]:
        children: list[Route] = []
        used: dict[str, int] = {}
        for item in () if field is None else field.items():
            values = item.mapping(_ROUTE, _LABELS_REMEDY)
            matchers = _matchers(values, "", self._syntax)
            key = bounded(f"{parent.key}/{{{','.join(map(str, matchers))}}}", _MAX_KEY)
            used[key] = used.get(key, 0) + 1
            numbered = key if used[key] == 1 else f"{key}#{used[key]}"
            children.append(self._route(item, values, parent, policy, key=numbered, matchers=matchers))
        return tuple(children)

    def _receiver(self, field: Field | None) -> str | None:
        name = None if field is None else field.text()
        if field is not None and name is not None and name not in self._receivers:
            field.fault(f"{name!r} is no receiver; defined are {', '.join(self._receivers) or 'none'}")
        return name

    def _policy(self, field: Field | None) -> str | None:
        name = None if field is None else field.text()
        if field is not None and name is not None and name not in self._policies:
            field.fault(f"{name!r} is no policy; defined under escalations are {', '.join(self._policies) or 'none'}")
        return name


def _step(route: Route, spec: LevelSpec) -> tuple[Step, Rota]:
    step = Step(
        wait=spec.wait,
        rota=spec.rota.name,
        otherwise=spec.rota.otherwise,
        repeat_interval=route.timers.repeat_interval if spec.repeat_interval is None else spec.repeat_interval,
        mute_time_intervals=spec.mute_time_intervals,
        active_time_intervals=spec.active_time_intervals,
    )
    return step, spec.rota


def inhibit_rules(field: Field | None, syntax: Syntax) -> tuple[InhibitRule, ...]:
    """The rules in their order."""
    rules = []
    for item in () if field is None else field.items():
        values = item.mapping(_INHIBIT)
        equal = [name for one in values["equal"].items() if (name := _label(one, syntax))] if "equal" in values else []
        rules.append(
            InhibitRule(
                source=_matchers(values, "source_", syntax),
                target=_matchers(values, "target_", syntax),
                equal=tuple(equal),
                name=(values["name"].text() or "") if "name" in values else "",
            )
        )
    return tuple(rules)


def _matchers(values: Mapping[str, Field], prefix: str, syntax: Syntax) -> tuple[Matcher, ...]:
    """`matchers`, `match` and `match_re` together, sorted."""
    found: list[Matcher] = []
    for kind in _MATCHES:
        field = values.get(prefix + kind)
        if field is not None:
            found += _listed(field, syntax) if kind == "matchers" else _pairs(field, regular=kind == "match_re")
    return in_order(found)


def _listed(field: Field, syntax: Syntax) -> list[Matcher]:
    found: list[Matcher] = []
    for item in field.items():
        text = item.text(empty=True)
        if text is None:
            continue
        try:
            found += parse_matchers(text, syntax)
        except ValueError as error:
            item.fault(str(error))
            continue
        if syntax is Syntax.FALLBACK and (warning := disagreement(text)):
            item.warn(warning)
    return found


def _pairs(field: Field, *, regular: bool) -> list[Matcher]:
    found = []
    for name, value in field.mapping().items():
        text = value.text(empty=True)
        if not _CLASSIC_NAME.fullmatch(name):
            value.fault("is no label name here: letters, digits and _ only; use matchers for others")
        elif text is not None:
            try:
                found.append(Matcher(name, Operator.MATCHES if regular else Operator.EQUAL, text))
            except ValueError as error:
                value.fault(str(error))
    return found


def _timers(values: Mapping[str, Field], inherited: Timers) -> Timers:
    chosen = {}
    for name in _TIMERS:
        duration = values[name].read(parse_duration) if name in values else None
        if duration == 0 and name != "group_wait":
            values[name].fault("must be longer than 0")
        elif duration is not None:
            chosen[name] = duration
    if "digest" in values:
        if any(name in values for name in _TICKS):
            values["digest"].fault("says when its group is told; remove group_wait and group_interval")
        period = values["digest"].read(parse_duration)
        if period == 0:
            values["digest"].fault("must be longer than 0")
        elif period is not None:
            chosen |= {"group_wait": period, "group_interval": period}
    return replace(inherited, **chosen)


def _continues(values: Mapping[str, Field]) -> bool:
    return bool(values["continue"].boolean()) if "continue" in values else False


def _group_by(field: Field | None, syntax: Syntax) -> tuple[tuple[str, ...], bool] | None:
    """The sorted names and whether it is `...`; None where the parent's hold."""
    if field is None:
        return None
    names: list[str] = []
    for item in field.items():
        name = item.text()
        if name is not None and name in names:
            item.fault(f"{name} stands twice; keep one")
        elif name == "..." or (name := _label(item, syntax)):
            names.append(name)
    if "..." in names and len(names) > 1:
        field.fault("'...' groups by all labels already; remove the others")
    return tuple(sorted(set(names) - {"..."})), "..." in names


def _label(field: Field, syntax: Syntax) -> str | None:
    name = field.text()
    if name is not None and syntax is Syntax.CLASSIC and not _CLASSIC_NAME.fullmatch(name):
        field.fault(f"{name!r} is no label name: letters, digits and _ only in classic mode")
        return None
    return name
