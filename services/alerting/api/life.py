"""What people do about an alert, what happened to it, and why they were told or not."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from driftline.alerting.alert import Acknowledgement, Alert, Status
from driftline.alerting.durations import parse_duration
from driftline.alerting.enrichment import Links
from driftline.alerting.explanation import GivenUp, Place, Telling, Waiting, explain, explain_suppression
from driftline.alerting.grouping import Group, Member
from driftline.alerting.inhibition import Inhibitors
from driftline.alerting.life import Entry
from driftline.alerting.noise import flapping_note, may_flap
from driftline.alerting.notification import describe
from driftline.alerting.pipeline import Look
from driftline.alerting.routing import Routing
from driftline.alerting.silences import silencing
from driftline.clock import Clock
from driftline.envelope import iso_time, moment
from driftline.runtime.http import Access
from driftline.runtime.problems import Problem
from driftline.runtime.tokens import VIEWERS, Actor
from driftline.wording import amount
from services.alerting.adapters.channels.port import shows_care
from services.alerting.adapters.plan import Plan, PlanInForce
from services.alerting.api.alerts import Limit, known_alert, notification_view
from services.alerting.store import acknowledgements, alerts, escalations, groups, history, noise, outbox, rotas, silences
from services.alerting.store.database import Database
from services.alerting.store.holding import Holding

_LONGEST = "24h"


class Care(BaseModel):
    """Somebody takes care of an alert."""

    model_config = ConfigDict(extra="forbid")

    duration: str = Field(
        default=_LONGEST, description="after which it is told and escalated again, such as 4h; 0 is until it ends"
    )
    comment: str = Field(default="", max_length=2000, description="for the others")


def life_routes(database: Database, links: Links, access: Access, clock: Clock) -> APIRouter:
    """Acknowledgement below /v1/alerts for operators; the history for viewers."""
    router = APIRouter(prefix="/v1/alerts", tags=["alerts"])
    operate = access.require("operator")

    @router.post("/{alert_id}/acknowledge", summary="Take care: it is not repeated and not escalated")
    def acknowledge(alert_id: str, care: Care, actor: Annotated[Actor, Depends(operate)]) -> dict[str, Any]:
        now = clock.now_us()
        given = Acknowledgement(by=actor.name, at=now, until=_until(care, now), comment=care.comment)
        with database.write() as tx:
            if known_alert(tx, alert_id).status is not Status.FIRING:
                raise Problem(409, "not_firing", "the alert is over; there is nothing to take care of", remedy="leave it")
            acknowledgements.set_for(tx, alert_id, given)
            return describe(known_alert(tx, alert_id), links)

    @router.delete("/{alert_id}/acknowledge", summary="Let it be told and escalated again")
    def unacknowledge(alert_id: str, actor: Annotated[Actor, Depends(operate)]) -> dict[str, Any]:
        with database.write() as tx:
            known_alert(tx, alert_id)
            acknowledgements.take_back(tx, alert_id, by=actor.name, detail="", now=clock.now_us())
            return describe(known_alert(tx, alert_id), links)

    @router.get("/{alert_id}/history", summary="What happened to it", dependencies=[Depends(access.require(*VIEWERS))])
    def show_history(alert_id: str, limit: Limit = 100) -> dict[str, Any]:
        with database.read() as tx:
            known_alert(tx, alert_id)
            return {"history": [_line(entry) for entry in history.of(tx, alert_id, limit=limit)]}

    return router


def explain_routes(database: Database, in_force: PlanInForce, access: Access, clock: Clock) -> APIRouter:
    """Reasons below /v1, for viewers."""
    router = APIRouter(prefix="/v1", tags=["alerts"], dependencies=[Depends(access.require(*VIEWERS))])

    @router.get("/alerts/{alert_id}/explain", summary="Why people are told of it, or not")
    def explain_alert(alert_id: str) -> dict[str, Any]:
        plan, now = in_force.plan, clock.now_us()
        with database.read() as tx:
            alert = known_alert(tx, alert_id)
            places = _places(tx, plan, alert, now)
            said = explain(
                alert,
                places,
                silences=_silences(tx, alert, now),
                inhibitor=_inhibitor(tx, plan.routing, alert),
                held=_held(tx, alert, now),
                next_levels=_next_levels(tx, plan.routing, alert),
            )
        return {"alert_id": alert_id, "explanation": list(said)}

    @router.get("/notifications/{notification_id}/explain", summary="What became of a notification, and why")
    def explain_notification(notification_id: str) -> dict[str, Any]:
        with database.read() as tx:
            row = outbox.find(tx, notification_id)
        if row is None:
            raise Problem(
                404, "unknown_notification", f"there is no notification {notification_id!r}", remedy="GET /v1/notifications"
            )
        return {**notification_view(row), "explanation": _became(row)}

    return router


def _until(care: Care, now: int) -> int | None:
    try:
        duration = parse_duration(care.duration)
    except ValueError as error:
        raise Problem(422, "invalid_duration", str(error), remedy="write a duration such as 4h") from error
    return now + duration if duration else None


def _line(entry: Entry) -> dict[str, Any]:
    return {"at": iso_time(entry.at), "happening": entry.happening.value, "by": entry.by, "detail": entry.detail}


def _places(tx: Connection, plan: Plan, alert: Alert, now: int) -> list[Place]:
    found = groups.of_alert(tx, alert.alert_id)
    keys = [group.key for group, _ in found]
    members = Holding().mark(tx, plan.routing, [group for group, _ in found], groups.members_of(tx, keys), now)
    told, waiting, lost = groups.told_of(tx, keys), _waiting(tx, keys), _given_up(tx, keys, alert)
    return [
        Place(
            group=group,
            leaving=leaving,
            tellings=tuple(
                Telling(look=look, waiting=waiting.get(way), given_up=lost.get(way))
                for look in _looks(plan, group, members[group.key], told, now)
                for way in [(group.key, look.channel.name)]
            ),
        )
        for group, leaving in found
    ]


def _looks(
    plan: Plan, group: Group, members: tuple[Member, ...], told: Mapping[tuple[str, str], groups.Knowledge], now: int
) -> list[Look]:
    routing = plan.routing
    receiver, route = routing.receivers.get(group.receiver), routing.route(group.route_key) or routing.root
    looks = []
    for channel in () if receiver is None else receiver.channels:
        known = told.get((group.key, channel.name))
        looks.append(
            Look(
                now=now,
                members=members,
                told=None if known is None else known.decided,
                repeat_interval=route.timers.repeat_interval,
                channel=channel,
                configured=channel.name in plan.channels,
                shows_care=shows_care(plan.channels.get(channel.name)),
                digest=route.digest,
                muted=routing.muted(route, now),
            )
        )
    return looks


def _waiting(tx: Connection, keys: list[str]) -> dict[tuple[str, str], Waiting]:
    found: dict[tuple[str, str], Waiting] = {}
    for key in keys:
        for row in outbox.page(tx, filters={"group_key": key, "state": outbox.PENDING}, limit=1000, offset=0):
            # The oldest comes last, and is the one that is being tried.
            found[key, row.channel] = Waiting(attempts=row.attempts, due_at=row.due_at, error=row.error)
    return found


def _given_up(tx: Connection, keys: list[str], alert: Alert) -> dict[tuple[str, str], GivenUp]:
    """The last notification of each group and channel, where it told of the alert and failed."""
    found: dict[tuple[str, str], GivenUp] = {}
    for way, notification_id in outbox.last_ids(tx, keys).items():
        row = outbox.find(tx, notification_id)
        if row is not None and row.state == outbox.FAILED and alert.alert_id in row.alert_ids:
            found[way] = GivenUp(attempts=row.attempts, at=row.finished_at, error=row.error)
    return found


def _silences(tx: Connection, alert: Alert, now: int) -> list[Any]:
    active = silences.active(tx, now)
    holding = silencing(active, alert.routing_labels, now) if alert.status is Status.FIRING else ()
    return [one for one in active if one.silence_id in holding]


def _inhibitor(tx: Connection, routing: Routing, alert: Alert) -> Alert | None:
    if not routing.inhibit_rules or alert.status is not Status.FIRING:
        return None
    firing = ((one.alert_id, one.routing_labels) for one in alerts.firing(tx))
    found = Inhibitors(routing.inhibit_rules, firing).of(alert.routing_labels)
    return None if found is None else alerts.find(tx, found)


def _held(tx: Connection, alert: Alert, now: int) -> list[str]:
    """What holds it back besides silences and inhibition."""
    if alert.status is not Status.FIRING:
        return []
    said = [
        f"{change.detail} Drift that began around it is told if it still holds at {moment(change.until)}."
        for change in noise.changed(tx, now)
        if change.explains(alert, now)
    ]
    flaps = noise.flaps_of(tx, alert.alert_id)
    if flaps is not None and now < flaps.until and may_flap(alert):
        said.append(flapping_note(flaps))
    return said


def _next_levels(tx: Connection, routing: Routing, alert: Alert) -> list[tuple[int, str]]:
    found = []
    for key, climb in escalations.of(tx, alert.alert_id).items():
        if routing.route(key) is not None and climb.due_at is not None and climb.level < len(climb.steps):
            found.append((climb.due_at, rotas.on_call(tx, routing, climb.steps[climb.level], climb.due_at)))
    return sorted(found)


def _became(row: Any) -> str:
    if row.state == outbox.SUPPRESSED:
        return explain_suppression(row.error)
    if row.state == outbox.SENT:
        return f"Sent after {amount(row.attempts, 'try')}: {row.reason}."
    if row.state == outbox.FAILED:
        return f"Given up after {amount(row.attempts, 'try')}: {row.error}. Its group is looked at again as if the channel had not been told."
    return f"On its way, tried {amount(row.attempts, 'time')}" + (f": {row.error}." if row.error else ".")
