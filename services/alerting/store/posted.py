"""What of alerts that came over HTTP changes while they are sent again and again, and when they count as over."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, bindparam, select, update

from driftline.alerting.alert import Status
from driftline.alerting.posted import PostedAlert
from services.alerting.store.alerts import posted_values
from services.alerting.store.many import Many
from services.alerting.store.tables import alerts

_AT_ONCE = 1_000
_SENT_AGAIN = Many(update(alerts).where(alerts.c.alert_id == bindparam("key")))
_FIRES = alerts.c.status == Status.FIRING.value
_OVER = select(alerts.c.alert_id).where(_FIRES, alerts.c.expires_at <= bindparam("now"))
_OVER = _OVER.order_by(alerts.c.expires_at).limit(_AT_ONCE)
_NEXT_END = select(alerts.c.expires_at).where(_FIRES, alerts.c.expires_at.is_not(None))
_NEXT_END = _NEXT_END.order_by(alerts.c.expires_at).limit(1)


def prolong(tx: Connection, given: Iterable[PostedAlert]) -> None:
    """Note what was sent last of alerts that are otherwise unchanged."""
    _SENT_AGAIN.run(tx, [{"key": one.alert_id, **posted_values(one.source)} for one in given])


def over(tx: Connection, now: int) -> Sequence[str]:
    """Alerts that fire and were not sent again in time, the longest first; as many as one transaction takes."""
    return tx.execute(_OVER, {"now": now}).scalars().all()


def next_end(tx: Connection) -> int | None:
    """When the next one counts as over."""
    return tx.execute(_NEXT_END).scalar_one_or_none()
