"""What shall serve, what is said to serve, and which versions governance knows."""

import json
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, insert, select, update

from driftline.alerting.response.serving import Desired, Registered, Versions
from driftline.events import ServingObserved, Stage, StageChanged
from services.alerting.store.response.plans import tenant_of
from services.alerting.store.response.tables import serving, versions


def desired(tx: Connection, model_id: str) -> Desired:
    """The state in force."""
    row = tx.execute(select(serving).where(serving.c.model_id == model_id)).one_or_none()
    if row is None:
        return Desired(model_id=model_id)
    return Desired(model_id=model_id, revision=row.revision, paused=row.paused, model_version=row.model_version)


def set_desired(tx: Connection, wanted: Desired, endpoint: str | None) -> None:
    """Put a state in force."""
    values = {"revision": wanted.revision, "paused": wanted.paused, "model_version": wanted.model_version, "endpoint": endpoint}
    _put(tx, wanted.model_id, values)


def endpoint_of(tx: Connection, model_id: str) -> str | None:
    """Where the last command went."""
    return tx.execute(select(serving.c.endpoint).where(serving.c.model_id == model_id)).scalar_one_or_none()


def observe(tx: Connection, said: ServingObserved) -> None:
    """Note what an adapter says; an older revision says nothing new."""
    row = tx.execute(select(serving.c.observed_revision).where(serving.c.model_id == said.model_id)).one_or_none()
    if row is None or row.observed_revision <= said.revision:
        body = json.dumps(asdict(said), ensure_ascii=False)
        _put(tx, said.model_id, {"observed_revision": said.revision, "observed": body, "looked_at": False})


def applied(tx: Connection, model_id: str) -> bool:
    """Whether the adapter says that the state in force is in effect, and its own words show it."""
    row = tx.execute(select(serving).where(serving.c.model_id == model_id)).one_or_none()
    if row is None or not row.revision or row.observed_revision < row.revision or not row.observed:
        return False
    said = json.loads(row.observed)
    if said["endpoint"] != row.endpoint or said["error"] is not None:
        return False
    if row.paused:
        return bool(said["paused"]) and not any(said["traffic"].values())
    if row.model_version is None:
        return not said["paused"]
    share = said["traffic"].get(row.model_version, 0.0)
    return not said["paused"] and share > 0 and share == sum(said["traffic"].values())


def affected(tx: Connection, model_id: str) -> frozenset[str]:
    """Models of the same tenant that the response keeps from what was deployed."""
    held = serving.c.paused.is_(True) | serving.c.model_version.is_not(None)
    query = select(serving.c.model_id).where(serving.c.tenant == tenant_of(model_id), held)
    return frozenset(tx.execute(query).scalars())


def page(tx: Connection) -> list[dict[str, Any]]:
    """Every model with a state of its own, for people."""
    return [
        {
            "model_id": row.model_id,
            "endpoint": row.endpoint,
            "revision": row.revision,
            "paused": row.paused,
            "model_version": row.model_version,
            "observed": json.loads(row.observed) if row.observed else None,
        }
        for row in tx.execute(select(serving).order_by(serving.c.model_id))
    ]


def change_stage(tx: Connection, event: StageChanged) -> None:
    """Note where a version stands now."""
    here = (versions.c.model_id == event.model_id) & (versions.c.model_version == event.model_version)
    values: dict[str, Any] = {"stage": event.to_stage.value}
    if event.to_stage is Stage.PRODUCTION:
        values["production_since"] = event.at
    if not tx.execute(update(versions).where(here).values(**values)).rowcount:
        tx.execute(insert(versions).values(model_id=event.model_id, model_version=event.model_version, **values))


def versions_of(tx: Connection, model_id: str) -> Versions:
    """The versions of a model."""
    rows = tx.execute(select(versions).where(versions.c.model_id == model_id).order_by(versions.c.model_version))
    return Versions(
        tuple(
            Registered(model_version=row.model_version, stage=Stage(row.stage), production_since=row.production_since)
            for row in rows
        )
    )


def _put(tx: Connection, model_id: str, values: dict[str, Any]) -> None:
    if not tx.execute(update(serving).where(serving.c.model_id == model_id).values(**values)).rowcount:
        blank = {"revision": 0, "paused": False, "observed_revision": 0, "observed": "", "looked_at": True}
        tx.execute(insert(serving).values(model_id=model_id, tenant=tenant_of(model_id), **{**blank, **values}))
