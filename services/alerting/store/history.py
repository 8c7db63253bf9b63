"""What happened to each alert, line by line."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, bindparam, delete, insert, select

from driftline.alerting.life import Entry, Happening
from services.alerting.store.many import Many
from services.alerting.store.tables import history

_ADD = Many(insert(history))
_OF = select(history).where(history.c.alert_id == bindparam("id")).order_by(history.c.seq.desc()).limit(bindparam("most"))
_FORGET = delete(history).where(history.c.at < bindparam("before"))


def add(tx: Connection, entries: Iterable[Entry]) -> None:
    """Write lines in their order."""
    rows = [
        {"alert_id": one.alert_id, "at": one.at, "happening": one.happening.value, "by": one.by, "detail": one.detail}
        for one in entries
    ]
    _ADD.run(tx, rows)


def of(tx: Connection, alert_id: str, *, limit: int) -> Sequence[Entry]:
    """The last lines about an alert, the latest first."""
    return [
        Entry(alert_id=row.alert_id, at=row.at, happening=Happening(row.happening), by=row.by, detail=row.detail)
        for row in tx.execute(_OF, {"id": alert_id, "most": limit})
    ]


def forget_old(tx: Connection, before: int) -> None:
    """Drop lines older than a time."""
    tx.execute(_FORGET, {"before": before})
