"""What is known of alerts that flap and of models that changed, in SQL."""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import Connection, bindparam, delete, insert, select

from driftline.alerting.noise import ChangeEvent, ChangeKind, Flaps, ModelChange, NoiseControl, deployment, refit
from driftline.events import Monitor
from services.alerting.store.tables import baselines, changes, flaps

_FLAPS = select(flaps).where(flaps.c.alert_id == bindparam("id"))
_FLAPPING = select(flaps).where(flaps.c.until > bindparam("now"))
_CLEAR = delete(flaps).where(flaps.c.alert_id == bindparam("id"))
_ADD = insert(flaps)
_BASELINE = select(baselines).where(baselines.c.model_id == bindparam("id"))
_CHANGED = select(changes).where(changes.c.until > bindparam("now")).order_by(changes.c.change_id)


def flaps_of(tx: Connection, alert_id: str) -> Flaps | None:
    """What was counted of an alert; None where it never began again."""
    row = tx.execute(_FLAPS, {"id": alert_id}).one_or_none()
    return None if row is None else Flaps(alert_id=row.alert_id, times=row.times, until=row.until)


def save_flaps(tx: Connection, counted: Flaps) -> None:
    """Count so from now on."""
    tx.execute(_CLEAR, {"id": counted.alert_id})
    tx.execute(_ADD, asdict(counted))


def flapping(tx: Connection, now: int) -> dict[str, int]:
    """Alerts that are held because they flap, and until when."""
    return {row.alert_id: row.until for row in tx.execute(_FLAPPING, {"now": now})}


def _baseline_before(tx: Connection, event: Monitor) -> str | None:
    """The baseline of the monitor before this one, which takes its place; None for the first, and for one that is not news."""
    row = tx.execute(_BASELINE, {"id": event.model_id}).one_or_none()
    if row is not None and row.monitor_version >= event.monitor_version:
        return None
    tx.execute(delete(baselines).where(baselines.c.model_id == event.model_id))
    values = {"model_id": event.model_id, "monitor_version": event.monitor_version, "baseline_id": event.baseline_id}
    tx.execute(insert(baselines), values)
    return None if row is None else row.baseline_id


def note_change(tx: Connection, event: ChangeEvent, rule: NoiseControl, now: int) -> None:
    """Let a deployment or another baseline explain drift."""
    quiet = rule.quiet_after_change
    if isinstance(event, Monitor):
        change = refit(event, _baseline_before(tx, event), quiet=quiet, now=now)
    else:
        change = deployment(event, quiet=quiet, now=now)
    if change is not None:
        add_change(tx, change)


def add_change(tx: Connection, change: ModelChange) -> None:
    """Let a change explain drift; one that is known stays as it is."""
    if tx.execute(select(changes.c.change_id).where(changes.c.change_id == change.change_id)).one_or_none() is None:
        tx.execute(insert(changes), {**asdict(change), "kind": change.kind.value})


def changed(tx: Connection, now: int) -> Sequence[ModelChange]:
    """Changes that may explain drift now."""
    return [
        ModelChange(
            change_id=row.change_id,
            model_id=row.model_id,
            kind=ChangeKind(row.kind),
            at=row.at,
            quiet=row.quiet,
            until=row.until,
            detail=row.detail,
        )
        for row in tx.execute(_CHANGED, {"now": now})
    ]


def forget_old(tx: Connection, before: int) -> None:
    """Drop changes that explain nothing any more."""
    tx.execute(delete(changes).where(changes.c.until < before))
