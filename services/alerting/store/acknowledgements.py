"""Who takes care of which alert, and until when that counts."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from driftline.alerting.alert import Acknowledgement
from driftline.alerting.life import Entry, Happening
from driftline.events import AlertAcknowledged, AlertUnacknowledged
from services.alerting.store import alerts, escalations, groups, history, outbox, placing
from services.alerting.store.tables import acknowledgements

_SINCE = select(acknowledgements.c.at).where(acknowledgements.c.alert_id == bindparam("id"))
_THIS = delete(acknowledgements).where(acknowledgements.c.alert_id == bindparam("id"))
_THESE = delete(acknowledgements).where(acknowledgements.c.alert_id.in_(bindparam("ids", expanding=True)))
_OVER = select(acknowledgements.c.alert_id).where(acknowledgements.c.until <= bindparam("now"))
_OVER = _OVER.order_by(acknowledgements.c.until, acknowledgements.c.alert_id)
_NEXT_END = select(func.min(acknowledgements.c.until))


def set_for(tx: Connection, alert_id: str, given: Acknowledgement) -> None:
    """Note that somebody takes care; an earlier acknowledgement is replaced, and the time of that counts as such."""
    since = tx.execute(_SINCE, {"id": alert_id}).scalar_one_or_none()
    if since is not None:
        tx.execute(_THIS, {"id": alert_id})
        escalations.put_off(tx, alert_id, given.at - since)
    values = {"by": given.by, "at": given.at, "until": given.until, "comment": given.comment}
    tx.execute(insert(acknowledgements), {"alert_id": alert_id, **values})
    line = Entry(alert_id=alert_id, at=given.at, happening=Happening.ACKNOWLEDGED, by=given.by, detail=given.comment)
    history.add(tx, [line])
    event = AlertAcknowledged(
        alert_id=alert_id,
        group_key=groups.key_of(tx, alert_id) or "",
        model_id=_model_of(tx, alert_id),
        by=given.by,
        until=given.until,
        comment=given.comment,
        at=given.at,
    )
    _tell(tx, event)
    placing.look_at_once(tx, alert_id, given.at)


def take_back(tx: Connection, alert_id: str, *, by: str, detail: str, now: int) -> bool:
    """Let an alert be told and escalated again, from the next tick of its groups on; False where nobody had taken care."""
    since = tx.execute(_SINCE, {"id": alert_id}).scalar_one_or_none()
    if since is None:
        return False
    if not tx.execute(_THIS, {"id": alert_id}).rowcount:
        return False  # another replica was quicker
    escalations.put_off(tx, alert_id, now - since)
    history.add(tx, [Entry(alert_id=alert_id, at=now, happening=Happening.UNACKNOWLEDGED, by=by, detail=detail)])
    event = AlertUnacknowledged(
        alert_id=alert_id,
        group_key=groups.key_of(tx, alert_id) or "",
        model_id=_model_of(tx, alert_id),
        by=by,
        reason=detail,
        at=now,
    )
    _tell(tx, event)
    placing.look_soon(tx, [alert_id], now)
    return True


def _model_of(tx: Connection, alert_id: str) -> str:
    alert = alerts.find(tx, alert_id)
    return "" if alert is None else alert.model_id


def _tell(tx: Connection, event: AlertAcknowledged | AlertUnacknowledged) -> None:
    batch = outbox.Batch(event.at)
    batch.tell(event, event.alert_id, event.at)
    batch.write(tx)


def forget(tx: Connection, alert_ids: Collection[str]) -> None:
    """These ended or began anew: what was acknowledged is over."""
    if alert_ids:
        tx.execute(_THESE, {"ids": list(alert_ids)})


def over(tx: Connection, now: int) -> Sequence[str]:
    """Alerts whose acknowledgement has had its time, the longest first."""
    return tx.execute(_OVER, {"now": now}).scalars().all()


def next_end(tx: Connection) -> int | None:
    """When the next acknowledgement ends by itself."""
    return tx.execute(_NEXT_END).scalar_one_or_none()
