"""Alertmanager's API v2, so that Prometheus and amtool talk to this service. Faults are texts, as its clients expect them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Body, Depends, Query
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from driftline import __version__
from driftline.alerting.alert import Alert, Status
from driftline.alerting.grouping import Group, Member
from driftline.alerting.inhibition import Inhibitors
from driftline.alerting.matcher_syntax import parse_matchers
from driftline.alerting.matchers import Matcher, Operator, all_match
from driftline.alerting.posted import PostedAlert, posted_alert
from driftline.alerting.regular_expressions import compile_whole
from driftline.alerting.silences import Silence, silencing
from driftline.clock import Clock
from driftline.envelope import iso_time, time_of
from driftline.runtime.http import Access
from driftline.runtime.tokens import VIEWERS, Actor
from services.alerting.adapters.plan import PlanInForce
from services.alerting.store import alerts, groups, silences
from services.alerting.store.database import Database

_MOST = 1_000_000
_PAGE = 500
"""Groups that are read at once."""
_RESOLVE_US = 300_000_000

Post = Callable[[Sequence[PostedAlert]], None]


class GivenAlert(BaseModel):
    """An alert as it is posted; what is not known is ignored, as Alertmanager does."""

    labels: dict[str, str]
    annotations: dict[str, str] = Field(default_factory=dict)
    startsAt: str | None = None  # noqa: N815  the name is Alertmanager's
    endsAt: str | None = None  # noqa: N815
    generatorURL: str = ""  # noqa: N815


class GivenMatcher(BaseModel):
    """One condition of a silence."""

    name: str
    value: str
    isRegex: bool  # noqa: N815
    isEqual: bool = True  # noqa: N815

    def matcher(self) -> Matcher:
        """Raises ValueError for a bad expression."""
        names = {(False, True): "=", (False, False): "!=", (True, True): "=~", (True, False): "!~"}
        return Matcher(self.name, Operator(names[self.isRegex, self.isEqual]), self.value)


class GivenSilence(BaseModel):
    """A silence as it is posted; with an id it takes the place of that one."""

    id: str | None = None
    matchers: list[GivenMatcher] = Field(min_length=1)
    startsAt: str  # noqa: N815
    endsAt: str  # noqa: N815
    createdBy: str  # noqa: N815
    comment: str


def compatible_routes(database: Database, in_force: PlanInForce, access: Access, clock: Clock, post: Post) -> APIRouter:
    """Everything below /api/v2. `post` takes alerts in."""
    router = APIRouter(prefix="/api/v2", tags=["Alertmanager"])
    _alert_routes(router, database, in_force, access, clock, post)
    _silence_routes(router, database, access, clock)
    _general_routes(router, in_force, access, clock)
    return router


def _alert_routes(  # noqa: PLR0917 - one argument per tool
    router: APIRouter, database: Database, in_force: PlanInForce, access: Access, clock: Clock, post: Post
) -> None:
    view = Depends(access.require(*VIEWERS))

    @router.post("/alerts", summary="Take alerts in", dependencies=[Depends(access.require("producer", "operator"))])
    def post_alerts(given: Annotated[list[GivenAlert], Body()]) -> Response:
        good, faults = _read_alerts(given, clock.now_us(), in_force.routing.resolve_timeout)
        post(good)
        return _refused("; ".join(faults)) if faults else Response()

    @router.get("/alerts", summary="Alerts that fire", dependencies=[view])
    def get_alerts(seen: Annotated[_Seen, Depends()]) -> Any:
        return _answer(lambda: list(_views(database, in_force, clock, seen).values()))

    @router.get("/alerts/groups", summary="Alerts that fire, by group", dependencies=[view])
    def get_groups(seen: Annotated[_Seen, Depends()]) -> Any:
        return _answer(lambda: _group_views(database, _views(database, in_force, clock, seen), seen))


def _silence_routes(router: APIRouter, database: Database, access: Access, clock: Clock) -> None:
    view, operate = Depends(access.require(*VIEWERS)), access.require("operator")

    @router.get("/silences", summary="Silences", dependencies=[view])
    def get_silences(filter: Annotated[list[str] | None, Query()] = None) -> Any:  # noqa: A002  the name is Alertmanager's
        def found() -> list[dict[str, Any]]:
            wanted = _matchers(filter)
            with database.read() as tx:
                every = silences.page(tx, limit=_MOST, offset=0)
            shown = [one for one in every if _selected(one, wanted)]
            return [_silence_view(one, clock.now_us()) for one in shown]

        return _answer(found)

    @router.post("/silences", summary="Make a silence, or change one")
    def post_silence(given: GivenSilence, actor: Annotated[Actor, Depends(operate)]) -> Any:
        now = clock.now_us()
        try:
            silence = _new_silence(given, actor, now)
        except ValueError as error:
            return _refused(str(error))
        with database.write() as tx:
            former = None if not given.id else silences.find(tx, given.id)
            if given.id and former is None:
                return JSONResponse("silence not found", 404)
            if former is not None:
                silences.end(tx, former, by=actor.name, now=now)
            silences.add(tx, silence, now)
        return {"silenceID": silence.silence_id}

    @router.get("/silence/{silence_id}", summary="One silence", dependencies=[view])
    def get_silence(silence_id: str) -> Any:
        with database.read() as tx:
            silence = silences.find(tx, silence_id)
        return JSONResponse("silence not found", 404) if silence is None else _silence_view(silence, clock.now_us())

    @router.delete("/silence/{silence_id}", summary="End a silence")
    def delete_silence(silence_id: str, actor: Annotated[Actor, Depends(operate)]) -> Response:
        with database.write() as tx:
            silence = silences.find(tx, silence_id)
            if silence is None:
                return JSONResponse("silence not found", 404)
            silences.end(tx, silence, by=actor.name, now=clock.now_us())
        return Response()


def _general_routes(router: APIRouter, in_force: PlanInForce, access: Access, clock: Clock) -> None:
    view = Depends(access.require(*VIEWERS))
    started = iso_time(clock.now_us())

    @router.get("/receivers", summary="Receivers of the configuration", dependencies=[view])
    def get_receivers() -> list[dict[str, str]]:
        return [{"name": name} for name in in_force.routing.receivers]

    @router.get("/status", summary="What runs here", dependencies=[view])
    def get_status() -> dict[str, Any]:
        unknown = dict.fromkeys(("branch", "buildDate", "buildUser", "goVersion", "revision"), "")
        return {
            "cluster": {"status": "disabled", "peers": []},
            "config": {"original": "# not shown: it may hold secrets\n"},
            "uptime": started,
            "versionInfo": {**unknown, "version": f"driftline {__version__}"},
        }


class _Seen:
    """Which alerts somebody wants to see."""

    def __init__(  # noqa: PLR0917 - one argument per parameter of the query
        self,
        filter: Annotated[list[str] | None, Query()] = None,  # noqa: A002
        receiver: str | None = None,
        active: bool = True,  # noqa: FBT001, FBT002
        silenced: bool = True,  # noqa: FBT001, FBT002
        inhibited: bool = True,  # noqa: FBT001, FBT002
        muted: bool = True,  # noqa: FBT001, FBT002
    ) -> None:
        self.filter, self.receiver = filter, receiver
        self.active, self.silenced, self.inhibited, self.muted = active, silenced, inhibited, muted

    def shows(self, view: Mapping[str, Any]) -> bool:
        """Whether an alert in this state is wanted."""
        status = view["status"]
        if status["state"] == "active":
            return self.active
        hidden = (status["silencedBy"] and not self.silenced) or (status["inhibitedBy"] and not self.inhibited)
        return not (hidden or (status["mutedBy"] and not self.muted))


def _views(database: Database, in_force: PlanInForce, clock: Clock, seen: _Seen) -> dict[str, dict[str, Any]]:
    """Alerts that fire as JSON, by id. Raises ValueError for a filter that cannot be read."""
    wanted, now, routing = _matchers(seen.filter), clock.now_us(), in_force.routing
    to = None if seen.receiver is None else compile_whole(seen.receiver)
    with database.read() as tx:
        firing = alerts.firing(tx)
        active = silences.active(tx, now)
    inhibitors = Inhibitors(routing.inhibit_rules, ((one.alert_id, one.routing_labels) for one in firing))
    found: dict[str, dict[str, Any]] = {}
    for alert in firing:
        labels = alert.routing_labels
        matched = routing.root.match(labels)
        receivers = list(dict.fromkeys(route.receiver for route in matched))
        if not all_match(wanted, labels) or (to is not None and not any(map(to.fullmatch, receivers))):
            continue
        inhibitor = inhibitors.of(labels)
        status = {
            "silencedBy": list(silencing(active, labels, now)),
            "inhibitedBy": [] if inhibitor is None else [inhibitor],
            "mutedBy": [name for route in matched if routing.muted(route, now) for name in _intervals(route)],
        }
        view = _alert_view(alert, receivers, {**status, "state": "suppressed" if any(status.values()) else "active"}, now)
        if seen.shows(view):
            found[alert.alert_id] = view
    return found


def _intervals(route: Any) -> tuple[str, ...]:
    return tuple(route.mute_time_intervals or route.active_time_intervals)


def _alert_view(alert: Alert, receivers: list[str], status: dict[str, Any], now: int) -> dict[str, Any]:
    posted = alert.posted
    own = {"summary": alert.title, "description": alert.details}
    return {
        "annotations": own if posted is None else dict(posted.annotations),
        "endsAt": iso_time(now + _RESOLVE_US if posted is None else posted.expires_at),
        "fingerprint": alert.alert_id,
        "receivers": [{"name": name} for name in receivers],
        "startsAt": iso_time(alert.starts_at),
        "status": status,
        "updatedAt": iso_time(alert.fired_at),
        "generatorURL": "" if posted is None else posted.generator_url,
        "labels": dict(alert.labels if posted is not None else alert.routing_labels),
    }


def _group_views(database: Database, views: Mapping[str, dict[str, Any]], seen: _Seen) -> list[dict[str, Any]]:
    to = None if seen.receiver is None else compile_whole(seen.receiver)
    found: list[Group] = []
    members: dict[str, tuple[Member, ...]] = {}
    with database.read() as tx:
        while some := groups.page(tx, limit=_PAGE, offset=len(found)):
            found += some
            members |= groups.members_of(tx, [group.key for group in some])
    shown = []
    for group in found:
        present = [one.alert for one in members[group.key] if not one.leaving and one.alert.status is Status.FIRING]
        inside = [views[alert.alert_id] for alert in present if alert.alert_id in views]
        if inside and (to is None or to.fullmatch(group.receiver)):
            shown.append({"labels": dict(group.labels), "receiver": {"name": group.receiver}, "alerts": inside})
    return shown


def _read_alerts(given: Sequence[GivenAlert], now: int, resolve_timeout: int) -> tuple[list[PostedAlert], list[str]]:
    """The good ones, and what is wrong with the others."""
    good, faults = [], []
    for one in given:
        try:
            good.append(
                posted_alert(
                    one.labels,
                    one.annotations,
                    starts_at=_time(one.startsAt),
                    ends_at=_time(one.endsAt),
                    generator_url=one.generatorURL,
                    now=now,
                    resolve_timeout=resolve_timeout,
                )
            )
        except ValueError as error:
            faults.append(str(error))
    return good, faults


def _time(text: str | None) -> int | None:
    """None where nothing is said; Go's zero time says nothing."""
    return None if not text or text.startswith("0001-01-01T00:00:00") else time_of(text)


def _new_silence(given: GivenSilence, actor: Actor, now: int) -> Silence:
    start, end = max(now, time_of(given.startsAt)), time_of(given.endsAt)
    if end <= now:
        raise ValueError("end time can't be in the past")
    if end <= start:
        raise ValueError("start time must be before end time")
    return Silence(
        silence_id=str(uuid4()),
        matchers=tuple(one.matcher() for one in given.matchers),
        starts_at=start,
        ends_at=end,
        created_by=given.createdBy or actor.name,
        comment=given.comment,
    )


def _silence_view(one: Silence, now: int) -> dict[str, Any]:
    return {
        "id": one.silence_id,
        "status": {"state": one.state(now).value},
        "updatedAt": iso_time(one.starts_at),
        "comment": one.comment,
        "createdBy": one.created_by,
        "startsAt": iso_time(one.starts_at),
        "endsAt": iso_time(one.ends_at),
        "matchers": [
            {
                "name": matcher.name,
                "value": matcher.value,
                "isRegex": matcher.operator in (Operator.MATCHES, Operator.NOT_MATCHES),
                "isEqual": matcher.operator in (Operator.EQUAL, Operator.MATCHES),
            }
            for matcher in one.matchers
        ],
    }


def _matchers(texts: Sequence[str] | None) -> tuple[Matcher, ...]:
    return tuple(matcher for text in texts or () for matcher in parse_matchers(text))


def _selected(one: Silence, wanted: Sequence[Matcher]) -> bool:
    """Whether a silence is about what a filter names, as Alertmanager has it: by the values that its matchers hold."""
    held = {matcher.name: matcher.value for matcher in one.matchers}
    return all_match(wanted, held)


def _answer(found: Callable[[], list[dict[str, Any]]]) -> Any:
    try:
        return found()
    except ValueError as error:
        return _refused(str(error))


def _refused(text: str) -> JSONResponse:
    return JSONResponse(text, 400)
