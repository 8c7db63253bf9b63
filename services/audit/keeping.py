"""What becomes of payloads, and reports, over HTTP: erase, hold, release, retain."""

import os
import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends, Response
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from driftline.clock import Clock
from driftline.envelope import time_of
from driftline.ledger.compliance import RegimeName, assess
from driftline.ledger.compliance_page import as_json, page
from driftline.ledger.errors import WithdrawalRefused
from driftline.ledger.keeping import Policy, Scope
from driftline.ledger.report import Report
from driftline.ledger.store import LedgerStore, LedgerWriter, erasing
from driftline.ledger.store.assessing import evidence_of
from driftline.ledger.store.erasing import Author, Subjected
from driftline.runtime.http import Access
from driftline.runtime.problems import Problem
from driftline.runtime.tokens import Actor

T = TypeVar("T")

DECIDERS = ("approver",)
READERS = ("auditor", "approver")
LARGEST = 200_000

Text = Annotated[str, Field(min_length=1, max_length=200)]
Days = Annotated[int | None, Field(ge=0, le=100_000)]
Pair = Annotated[tuple[Text, Text] | None, Field(description="type and id")]


class Decision(BaseModel):
    """Why; who it is, the token says."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(min_length=1, max_length=2_000)]


class Erasure(Decision):
    """Whose payloads go."""

    subject: Text = Field(description="the person: name or pseudonym")
    mentions: list[Text] = Field(default=[], max_length=20, description="and what payloads, keys or headers contain")
    resource: Pair = None


class NewHold(Decision):
    """What is held: all that is given must fit, nothing given is everything."""

    name: Text
    actor: Text | None = None
    resource: Pair = None
    topic: Text | None = None
    since: str | None = None
    until: str | None = None


class Retention(Decision):
    """How long payloads of a topic (`*`: of all others) are kept."""

    topic: Text
    keep_days: Days = None
    archive_days: Days = None
    expire_days: Days = None


class Decisions:
    """Puts decisions on record, one at a time. The writer is for these alone: one is not for several threads."""

    def __init__(self, writer: LedgerWriter, clock: Clock) -> None:
        self._writer = writer
        self._clock = clock
        self._lock = threading.Lock()

    def take(self, actor: Actor, reason: str, act: Callable[[LedgerWriter, Author], T]) -> T:
        """Return what came of it; raises Problem 409 for what a hold or retention forbids."""
        with self._lock:
            try:
                return act(self._writer, Author(actor.name, reason, self._clock.now_us(), os.urandom))
            except WithdrawalRefused as error:
                raise Problem(409, "withdrawal_refused", str(error)) from error


def routes(decisions: Decisions, store: LedgerStore, access: Access, clock: Clock, verify: Callable[[], Report]) -> APIRouter:
    """Return the routes of one ledger."""
    router = APIRouter(prefix="/v1", tags=["keeping"])
    router.include_router(_decisions(decisions, access.require(*DECIDERS)))
    may_read = Depends(access.require(*READERS))

    @router.get("/keeping", dependencies=[may_read], summary="Legal holds and retention in force")
    def keeping() -> dict[str, Any]:
        with store.snapshot() as snapshot:
            found = snapshot.keeping()
        return {
            "holds": [{"name": one.name, "sequence": one.seq, "reason": one.reason} for one in found.holds],
            "retention": {topic: asdict(policy) for topic, policy in found.policies.items()},
        }

    @router.get("/reports/{regime}", dependencies=[may_read], summary="What the ledger shows of a regime, and what is missing")
    def report(regime: RegimeName, form: Literal["json", "html"] = "json") -> Response:
        """Verify the ledger and report; never a statement of compliance."""
        with store.snapshot() as snapshot:
            size = snapshot.head().size
        if size > LARGEST:
            raise Problem(
                413,
                "ledger_too_large",
                f"the ledger has {size} entries, more than the {LARGEST} that are reported over HTTP",
                remedy="run `driftline ledger report`",
            )
        checked = verify()
        with store.snapshot() as snapshot:
            found = assess(regime, evidence_of(snapshot, store.origin, checked, now=clock.now_us()))
        if form == "html":
            return HTMLResponse(
                page(found), headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
            )
        return JSONResponse(as_json(found))

    return router


def _decisions(decisions: Decisions, decider: Callable[..., Actor]) -> APIRouter:
    router = APIRouter()

    @router.post("/erasures", summary="Erase the payloads of a person, and the name")
    def erase(request: Erasure, actor: Annotated[Actor, Depends(decider)]) -> dict[str, Any]:
        wanted = Subjected(request.subject, tuple(request.mentions), request.resource)
        done = decisions.take(actor, request.reason, lambda writer, author: erasing.erase(writer, wanted, author))
        if done is None:
            raise Problem(404, "not_found", f"the ledger has nothing of {request.subject!r}")
        return {"sequence": done.seq, "entries": done.entries, "subject": done.subject, "purged": done.purged}

    @router.post("/holds", summary="Put what fits under a legal hold", status_code=201)
    def hold(request: NewHold, actor: Annotated[Actor, Depends(decider)]) -> dict[str, int]:
        since, until = _time(request.since), _time(request.until)
        scope = Scope(actor=request.actor, resource=request.resource, topic=request.topic, since=since, until=until)
        return _stated(decisions.take(actor, request.reason, lambda writer, by: erasing.hold(writer, request.name, scope, by)))

    @router.post("/holds/{name}/release", summary="End a legal hold")
    def release(name: str, request: Decision, actor: Annotated[Actor, Depends(decider)]) -> dict[str, int]:
        return _stated(decisions.take(actor, request.reason, lambda writer, by: erasing.release(writer, name, by)))

    @router.post("/retention", summary="Set how long the payloads of a topic are kept", status_code=201)
    def retain(request: Retention, actor: Annotated[Actor, Depends(decider)]) -> dict[str, int]:
        policy = Policy(keep_days=request.keep_days, archive_days=request.archive_days, expire_days=request.expire_days)
        return _stated(
            decisions.take(actor, request.reason, lambda writer, by: erasing.retain(writer, request.topic, policy, by))
        )

    return router


def _stated(sequence: int) -> dict[str, int]:
    return {"sequence": sequence}


def _time(text: str | None) -> int | None:
    try:
        return None if text is None else time_of(text)
    except ValueError as error:
        raise Problem(422, "invalid_request", str(error), remedy="write it as 2026-03-01T05:15:00Z") from None
