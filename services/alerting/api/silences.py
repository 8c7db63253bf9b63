"""Silences over HTTP: to see, to make and to end."""

from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from driftline.alerting.durations import parse_duration
from driftline.alerting.matcher_syntax import parse_matchers
from driftline.alerting.silences import Silence
from driftline.clock import Clock
from driftline.envelope import iso_time, time_of
from driftline.runtime.http import Access
from driftline.runtime.problems import Problem
from driftline.runtime.tokens import VIEWERS, Actor
from services.alerting.api.alerts import Limit, Offset
from services.alerting.store import silences
from services.alerting.store.database import Database


class NewSilence(BaseModel):
    """What nobody shall be told for a while."""

    model_config = ConfigDict(extra="forbid")

    matchers: list[str] = Field(min_length=1, max_length=100, description='such as model_id="flights.delay"; all must match')
    duration: str = Field(description="how long, such as 2h or 1d12h")
    comment: str = Field(min_length=1, max_length=2000, description="why")
    starts_at: str | None = Field(default=None, description="RFC 3339; without it now")


def silence_routes(database: Database, access: Access, clock: Clock) -> APIRouter:
    """Silences below /v1/silences: viewers see them, operators make and end them."""
    router = APIRouter(prefix="/v1/silences", tags=["silences"])
    view, operate = Depends(access.require(*VIEWERS)), access.require("operator")

    @router.get("", summary="Silences, the one that ends last first", dependencies=[view])
    def list_silences(limit: Limit = 100, offset: Offset = 0) -> dict[str, Any]:
        with database.read() as tx:
            found = silences.page(tx, limit=limit, offset=offset)
        return {"silences": [silence_view(one, clock.now_us()) for one in found]}

    @router.post("", status_code=201, summary="Silence what fulfils the matchers")
    def add_silence(wanted: NewSilence, actor: Annotated[Actor, Depends(operate)]) -> dict[str, Any]:
        now = clock.now_us()
        silence = _new_silence(wanted, actor.name, now)
        with database.write() as tx:
            silences.add(tx, silence, now)
        return silence_view(silence, now)

    @router.delete("/{silence_id}", summary="End a silence now")
    def end_silence(silence_id: str, actor: Annotated[Actor, Depends(operate)]) -> dict[str, Any]:
        now = clock.now_us()
        with database.write() as tx:
            silence = silences.find(tx, silence_id)
            if silence is None:
                raise Problem(
                    404, "unknown_silence", f"there is no silence {silence_id!r}", remedy="GET /v1/silences lists their ids"
                )
            ended = silences.end(tx, silence, by=actor.name, now=now)
        return silence_view(ended, now)

    return router


def _new_silence(wanted: NewSilence, created_by: str, now: int) -> Silence:
    try:
        start = max(now, now if wanted.starts_at is None else time_of(wanted.starts_at))
        return Silence(
            silence_id=str(uuid4()),
            matchers=tuple(matcher for text in wanted.matchers for matcher in parse_matchers(text)),
            starts_at=start,
            ends_at=start + _length(wanted.duration),
            created_by=created_by,
            comment=wanted.comment,
        )
    except ValueError as error:
        raise Problem(422, "invalid_silence", str(error), remedy="correct it and send it again") from error


def _length(text: str) -> int:
    duration = parse_duration(text)
    if not duration:
        raise ValueError("a duration of 0 is over at once; write one such as 2h")
    return duration


def silence_view(silence: Silence, now: int) -> dict[str, Any]:
    """A silence as JSON."""
    return {
        "silence_id": silence.silence_id,
        "state": silence.state(now).value,
        "matchers": [str(matcher) for matcher in silence.matchers],
        "starts_at": iso_time(silence.starts_at),
        "ends_at": iso_time(silence.ends_at),
        "created_by": silence.created_by,
        "comment": silence.comment,
    }
