"""What only alerts have that came over HTTP: annotations, where they come from, and when they count as over."""

from collections.abc import Iterable, Sequence

import orjson
from sqlalchemy import Connection, bindparam, delete, insert, select

from driftline.alerting.posted import PostedAlert
from services.alerting.store.many import Many
from services.alerting.store.tables import alerts, posted

_AT_ONCE = 1_000
_ADD = Many(insert(posted))
_FORGET = delete(posted).where(posted.c.alert_id.in_(bindparam("ids", expanding=True)))
_FIRES = (alerts.c.alert_id == posted.c.alert_id) & alerts.c.ends_at.is_(None)
_OVER = (
    select(posted.c.alert_id)
    .join(alerts, _FIRES)
    .where(posted.c.expires_at <= bindparam("now"))
    .order_by(posted.c.expires_at)
    .limit(_AT_ONCE)
)
_NEXT_END = select(posted.c.expires_at).join(alerts, _FIRES).order_by(posted.c.expires_at).limit(1)  # min() would read all


def save(tx: Connection, given: Iterable[PostedAlert]) -> None:
    """Note what was sent last of each."""
    rows = {
        one.alert_id: {
            "alert_id": one.alert_id,
            "annotations": orjson.dumps(dict(one.annotations)).decode(),
            "generator_url": one.generator_url,
            "expires_at": one.ends_at,
        }
        for one in given
    }
    if rows:
        tx.execute(_FORGET, {"ids": list(rows)})
        _ADD.run(tx, list(rows.values()))


def over(tx: Connection, now: int) -> Sequence[str]:
    """Alerts that fire and were not sent again in time, the longest first; as many as one transaction takes."""
    return tx.execute(_OVER, {"now": now}).scalars().all()


def next_end(tx: Connection) -> int | None:
    """When the next one counts as over."""
    return tx.execute(_NEXT_END).scalar_one_or_none()
