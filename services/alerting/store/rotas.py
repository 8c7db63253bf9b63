"""What the sources of rotas said last, so that an unreachable source changes nobody's shift."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import Connection, bindparam, delete, insert, select

from driftline.alerting.escalation import Rota, Shift, Step
from driftline.alerting.routing import Routing
from services.alerting.store.tables import rotas

_OF = select(rotas).where(rotas.c.name == bindparam("rota"))


def save(tx: Connection, name: str, shifts: Sequence[Shift], now: int) -> None:
    """Keep what a source said."""
    tx.execute(delete(rotas).where(rotas.c.name == name))
    said = json.dumps([asdict(shift) for shift in shifts], ensure_ascii=False)
    tx.execute(insert(rotas), {"name": name, "shifts": said, "read_at": now})


def shifts_of(tx: Connection, name: str) -> tuple[Shift, ...]:
    """What the source said last; nothing where it never could be read."""
    row = tx.execute(_OF, {"rota": name}).one_or_none()
    return () if row is None else tuple(Shift(**one) for one in json.loads(row.shifts))


def read_at(tx: Connection, name: str) -> int | None:
    """When the source could be read last."""
    row = tx.execute(_OF, {"rota": name}).one_or_none()
    return None if row is None else int(row.read_at)


def on_call(tx: Connection, routing: Routing, step: Step, at: int) -> str:
    """Whom a level tells at a time: who is on call by the rota as it is now, as far as the configuration knows them."""
    rota: Rota | None = routing.rotas.get(step.rota) if step.rota else None
    if rota is None:
        return step.otherwise
    found = rota.receiver_at(at, () if rota.source is None else shifts_of(tx, rota.name))
    return found if found in routing.receivers else step.otherwise
