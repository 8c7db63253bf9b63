"""Alerts that channels were not told because they are silenced, inhibited or muted: what was recorded of that, by group."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, delete, insert, select

from services.alerting.store.tables import withheld

_THESE: BindParameter[list[str]] = bindparam("keys", expanding=True)
_OF = select(withheld).where(withheld.c.group_key.in_(_THESE))
_CHANNEL = (withheld.c.group_key == bindparam("key")) & (withheld.c.channel == bindparam("name"))
_CLEAR = delete(withheld).where(_CHANNEL)

Withheld = Mapping[tuple[str, str], frozenset[str]]
"""Ids of alerts by group and channel."""


def of(tx: Connection, keys: Collection[str]) -> Withheld:
    """What is recorded of some groups."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for row in tx.execute(_OF, {"keys": list(keys)}):
        place = (row.group_key, row.channel)
        found[place] = found.get(place, frozenset()) | {row.alert_id}
    return found


def save(tx: Connection, changed: Withheld) -> None:
    """Record these anew."""
    rows: list[dict[str, Any]] = []
    for (key, channel), alert_ids in changed.items():
        tx.execute(_CLEAR, {"key": key, "name": channel})
        rows += [{"group_key": key, "channel": channel, "alert_id": alert_id} for alert_id in sorted(alert_ids)]
    if rows:
        tx.execute(insert(withheld), rows)
