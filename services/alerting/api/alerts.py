"""Alerts, groups and notifications over HTTP, read only."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from sqlalchemy import Connection, Row

from driftline.alerting.alert import Alert, AlertType, Priority, Status
from driftline.alerting.enrichment import Links
from driftline.alerting.grouping import Group
from driftline.alerting.notification import describe
from driftline.envelope import iso_time
from driftline.runtime.http import Access
from driftline.runtime.problems import Problem
from driftline.runtime.tokens import VIEWERS
from services.alerting.store import alerts, groups, outbox
from services.alerting.store.database import Database

Limit = Annotated[int, Query(ge=1, le=1000, description="how many at most")]
Offset = Annotated[int, Query(ge=0, description="how many to skip")]


def routes(database: Database, links: Links, access: Access) -> APIRouter:
    """The routes below /v1; producers may not read."""
    router = APIRouter(prefix="/v1", tags=["alerts"], dependencies=[Depends(access.require(*VIEWERS))])

    @router.get("/alerts", summary="Alerts, the latest change first")
    def list_alerts(  # noqa: PLR0917 - one argument per parameter of the query
        status: Status | None = None,
        model_id: str | None = None,
        priority: Priority | None = None,
        alert_type: AlertType | None = None,
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> dict[str, Any]:
        filters = {"status": status, "model_id": model_id, "priority": priority, "alert_type": alert_type}
        with database.read() as tx:
            found = alerts.page(tx, filters=_given(filters), limit=limit, offset=offset)
        return {"alerts": [{**describe(alert, links), "updatedAt": iso_time(at)} for alert, at in found]}

    @router.get("/alerts/{alert_id}", summary="One alert with its group and notifications")
    def show_alert(alert_id: str) -> dict[str, Any]:
        with database.read() as tx:
            return _shown(tx, alert_id, links)

    @router.get("/groups", summary="Groups of alerts, and when each is looked at next")
    def list_groups(limit: Limit = 100, offset: Offset = 0) -> dict[str, Any]:
        with database.read() as tx:
            found = groups.page(tx, limit=limit, offset=offset)
            members = groups.members_of(tx, [group.key for group in found])
        views = [_group_view(group, [member.alert.alert_id for member in members[group.key]]) for group in found]
        return {"groups": views}

    @router.get("/notifications", summary="What became of every notification, the latest first")
    def list_notifications(
        state: Annotated[str | None, Query(pattern="^(pending|sent|failed|suppressed)$")] = None,
        kind: Annotated[str | None, Query(description="channel, such as webhook")] = None,
        group_key: str | None = None,
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> dict[str, Any]:
        filters = {"state": state, "kind": kind, "group_key": group_key}
        with database.read() as tx:
            rows = outbox.page(tx, filters=_given(filters), limit=limit, offset=offset)
        return {"notifications": [notification_view(row) for row in rows]}

    return router


def known_alert(tx: Connection, alert_id: str) -> Alert:
    """An alert by its fingerprint. Raises Problem 404."""
    alert = alerts.find(tx, alert_id)
    if alert is None:
        raise Problem(404, "unknown_alert", f"there is no alert {alert_id!r}", remedy="GET /v1/alerts lists the fingerprints")
    return alert


def _shown(tx: Connection, alert_id: str, links: Links) -> dict[str, Any]:
    """An alert with the groups that it is in and what was sent of it, the latest first."""
    alert = known_alert(tx, alert_id)
    own = [group for group, _ in sorted(groups.of_alert(tx, alert_id), key=lambda found: (found[1], found[0].key))]
    chosen = [{"group_key": group.key} for group in own] or [{}]  # what is over may be in no group any more
    told = [row for filters in chosen for row in outbox.page(tx, filters=filters, limit=1000, offset=0)]
    told.sort(key=lambda row: row.seq, reverse=True)
    return {
        **describe(alert, links),
        "group_key": own[0].key if own else None,
        "receivers": sorted({group.receiver for group in own}),
        "episode_id": alert.episode_id,
        "notifications": [notification_view(row) for row in told if alert_id in row.alert_ids][:100],
    }


def notification_view(row: Row[Any]) -> dict[str, Any]:
    """A notification as JSON."""
    return {
        "notification_id": row.notification_id,
        "group_key": row.group_key,
        "channel": row.kind,
        "channel_name": row.channel,
        "status": row.status,
        "reason": row.reason,
        "state": row.state,
        "alert_ids": json.loads(row.alert_ids),
        "attempts": row.attempts,
        "response_code": row.response_code,
        "error": row.error,
        "decided_at": iso_time(row.decided_at),
        "due_at": iso_time(row.due_at) if row.state == outbox.PENDING else None,
        "finished_at": None if row.finished_at is None else iso_time(row.finished_at),
    }


def _group_view(group: Group, alert_ids: list[str]) -> dict[str, Any]:
    return {
        "group_key": group.key,
        "receiver": group.receiver,
        "labels": dict(group.labels),
        "next_look_at": None if group.next_look_at is None else iso_time(group.next_look_at),
        "alert_ids": sorted(alert_ids),
    }


def _given(filters: Mapping[str, str | None]) -> dict[str, str]:
    return {name: str(value) for name, value in filters.items() if value is not None}
