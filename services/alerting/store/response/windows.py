"""Decided windows and the standing of each version."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from driftline.alerting.response.actions import Band, Category
from driftline.alerting.response.evidence import Observation, Standing
from services.alerting.store.response.tables import serving, standings, windows

_KEPT = 64
"""Windows of a version and granularity."""


def save(tx: Connection, seen: Observation, revision: int) -> bool:
    """Keep a window; False where the same or a later revision is known."""
    here = (
        (windows.c.model_id == seen.model_id)
        & (windows.c.model_version == seen.model_version)
        & (windows.c.granularity == seen.granularity)
    )
    this = here & (windows.c.window_end == seen.end)
    known = tx.execute(select(windows.c.revision).where(this)).scalar_one_or_none()
    if known is not None and known >= revision:
        return False
    values = {"revision": revision, "looked_at": False, "body": json.dumps(asdict(seen), ensure_ascii=False)}
    if known is not None:
        tx.execute(update(windows).where(this).values(**values))
        return True
    key = {"model_id": seen.model_id, "model_version": seen.model_version, "granularity": seen.granularity}
    tx.execute(insert(windows).values(**key, window_end=seen.end, **values))
    oldest = select(windows.c.window_end).where(here).order_by(windows.c.window_end.desc()).offset(_KEPT).limit(1)
    if (last := tx.execute(oldest).scalar_one_or_none()) is not None:
        tx.execute(delete(windows).where(here, windows.c.window_end <= last))
    return True


def of_model(tx: Connection, model_id: str) -> list[Observation]:
    """Every window that is kept, the oldest first."""
    query = select(windows.c.body).where(windows.c.model_id == model_id).order_by(windows.c.window_end)
    return [observation(row) for row in tx.execute(query)]


def unlooked(tx: Connection) -> Sequence[str]:
    """Models with windows, or words of their adapter, that nobody has looked at."""
    news = select(windows.c.model_id).where(windows.c.looked_at.is_(False))
    said = select(serving.c.model_id).where(serving.c.looked_at.is_(False))
    return tx.execute(news.union(said)).scalars().all()


def looked(tx: Connection, model_id: str) -> set[str]:
    """Note that everything of a model was looked at; returns the versions of which something was new."""
    new = (windows.c.model_id == model_id) & windows.c.looked_at.is_(False)
    found = set(tx.execute(select(windows.c.model_version).where(new).distinct()).scalars())
    tx.execute(update(windows).where(new).values(looked_at=True))
    tx.execute(update(serving).where(serving.c.model_id == model_id).values(looked_at=True))
    return found


def models(tx: Connection) -> Sequence[str]:
    """Every model of which a window is known."""
    return tx.execute(select(windows.c.model_id).distinct()).scalars().all()


def standing(tx: Connection, model_id: str, model_version: str) -> Standing:
    """The standing of a version."""
    here = (standings.c.model_id == model_id) & (standings.c.model_version == model_version)
    row = tx.execute(select(standings).where(here)).one_or_none()
    return Standing() if row is None else Standing(band=Band(row.band), since=row.since)


def set_standing(tx: Connection, model_id: str, model_version: str, now: Standing) -> None:
    """Note the standing of a version."""
    here = (standings.c.model_id == model_id) & (standings.c.model_version == model_version)
    values = {"band": now.band.value, "since": now.since}
    if not tx.execute(update(standings).where(here).values(**values)).rowcount:
        tx.execute(insert(standings).values(model_id=model_id, model_version=model_version, **values))


def bands(tx: Connection) -> dict[str, Band]:
    """The worst band that a version of each model holds."""
    worst = select(standings.c.model_id, func.max(standings.c.band)).group_by(standings.c.model_id)
    return {row[0]: Band(row[1]) for row in tx.execute(worst)}


def observation(row: Row[Any]) -> Observation:
    """A row as the core knows it."""
    body = json.loads(row.body)
    return Observation(**{**body, "category": Category(body["category"]), "detectors": tuple(body["detectors"])})
