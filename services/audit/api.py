"""The ledger over HTTP, for reading and verifying."""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from driftline.envelope import iso_time, time_of
from driftline.ledger import entries as found
from driftline.ledger.entries import TrailKind, check_trail, no_entries, summary, view, whereabouts
from driftline.ledger.payloads import what_it_says
from driftline.ledger.report import Level, Report
from driftline.ledger.rows import Span
from driftline.ledger.store import LedgerStore, bundle_of
from driftline.runtime.http import Access
from driftline.runtime.problems import Problem
from services.audit import proofs

READERS = ("auditor",)
VIEWERS = ("viewer", "operator", "approver", "auditor")
LARGEST_VERIFY = 200_000
LARGEST_PAGE = 1_000
LARGEST_BUNDLE = 10_000

Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="at most so many entries")]


class Chosen(BaseModel):
    """Which entries; all that is given must hold. Times are RFC 3339 with a zone, by the ledger's clock."""

    model_config = ConfigDict(extra="forbid")

    actor: str | None = None
    resource_type: str | None = None
    resource_id: str | None = None
    action: str | None = None
    since: str | None = None
    until: str | None = None

    def query(self) -> found.Query:
        """The selection as the store takes it; raises Problem 422."""
        if (self.resource_type is None) != (self.resource_id is None):
            raise Problem(422, "invalid_request", "resource_type and resource_id go together", remedy="give both or none")
        pair = None if self.resource_type is None or self.resource_id is None else (self.resource_type, self.resource_id)
        return found.Query(
            actor=self.actor,
            resource=pair,
            action=self.action,
            since=_time("since", self.since),
            until=_time("until", self.until),
        )


class Selection(Chosen):
    """A page of entries."""

    mentions: str | None = Field(
        default=None, description="payload, key or headers contain this, such as an id that events share"
    )
    severity: Literal["MINIMAL", "LOW", "MEDIUM", "HIGH", "CRITICAL"] | None = Field(
        default=None, description="events that say how grave they are: alerts, drift, health, windows"
    )
    effective: bool = Field(default=False, description="without what a rollback took out of force")
    after: int = Field(default=-1, ge=-1, description="only entries with a larger sequence: the last one of the page before")
    limit: int = Field(default=100, ge=1, le=LARGEST_PAGE)

    def page(self) -> found.Query:
        """The page as the store takes it; raises Problem 422."""
        return replace(
            self.query(),
            mentions=self.mentions,
            severity=self.severity,
            effective=self.effective,
            after_seq=self.after,
            limit=self.limit,
        )


class Bundled(Chosen):
    """What goes into a bundle."""

    payloads: bool = Field(default=True, description="payloads, too, and the name behind a pseudonym")


class VerifyRequest(BaseModel):
    """How deep to look."""

    model_config = ConfigDict(extra="forbid")

    level: Literal["hash", "full"] = Field(default="full", description="level source reads Kafka: `driftline ledger verify`")
    since: str | None = Field(default=None, description="only from this time on, and the entry before")
    until: str | None = Field(default=None, description="only before this time, and the entry behind")


def routes(store: LedgerStore, access: Access, verify: Callable[[Level, Span], Report]) -> APIRouter:
    """Return the routes of one ledger."""
    router = APIRouter(prefix="/v1", tags=["ledger"])
    may_view, may_read = Depends(access.require(*VIEWERS)), Depends(access.require(*READERS))
    router.include_router(_entries(store, may_read))
    router.include_router(_state(store, may_view, may_read, verify))
    router.include_router(proofs.routes(store, may_view=may_view, may_read=may_read))
    return router


def _entries(store: LedgerStore, may_read: Any) -> APIRouter:
    router = APIRouter()

    @router.get("/entries", dependencies=[may_read], summary="Entries, oldest first")
    def list_entries(selection: Annotated[Selection, Query()]) -> dict[str, Any]:
        with store.snapshot() as snapshot:
            page = [summary(entry) for entry in snapshot.entries(selection.page())]
        return {"entries": page, "next_after": page[-1]["seq"] if len(page) == selection.limit else None}

    @router.get("/entries/{entry_id}", dependencies=[may_read], summary="One entry with its payload, what that says, and leaf")
    def get_entry(entry_id: UUID) -> dict[str, Any]:
        with store.snapshot() as snapshot:
            entry = snapshot.entry(entry_id.bytes)
            if entry is None:
                raise Problem(404, "not_found", f"there is no entry {entry_id}")
            became = whereabouts(entry, snapshot.withdrawal_of(entry))
        return view(entry) | what_it_says(entry.payload) | became

    @router.get("/bundle", dependencies=[may_read], responses=proofs.NOTE, summary="Entries with proofs, for strangers")
    def bundle(chosen: Annotated[Bundled, Query()]) -> Response:
        """Return a bundle of all signed entries that fit; check it with `driftline ledger check-bundle`."""
        query = chosen.query()
        with store.snapshot() as snapshot:
            if sum(1 for _ in snapshot.entries(replace(query, limit=LARGEST_BUNDLE + 1))) > LARGEST_BUNDLE:
                raise Problem(
                    413,
                    "bundle_too_large",
                    f"the selection has more than the {LARGEST_BUNDLE} entries that are bundled over HTTP",
                    remedy="choose fewer, or run `driftline ledger export --format bundle`",
                )
            data = proofs.proven(lambda: b"".join(bundle_of(snapshot, query, payloads=chosen.payloads)))
        return Response(data, media_type=proofs.TEXT)

    @router.get("/trail/actor/{actor}", dependencies=[may_read], summary="All of one actor")
    def actor_trail(actor: str, limit: Limit = LARGEST_PAGE) -> dict[str, Any]:
        return _trail(store, found.Query(actor=actor, limit=limit), TrailKind.ACTOR)

    @router.get("/trail/resource/{resource_type}/{resource_id:path}", dependencies=[may_read], summary="All about one resource")
    def resource_trail(resource_type: str, resource_id: str, limit: Limit = LARGEST_PAGE) -> dict[str, Any]:
        return _trail(store, found.Query(resource=(resource_type, resource_id), limit=limit), TrailKind.RESOURCE)

    return router


def _state(store: LedgerStore, may_view: Any, may_read: Any, verify: Callable[[Level, Span], Report]) -> APIRouter:
    router = APIRouter()

    @router.get("/stats", dependencies=[may_view], summary="How much is in the ledger")
    def stats() -> dict[str, Any]:
        with store.snapshot() as snapshot:
            counted = snapshot.statistics()
        return {
            "log": store.origin,
            "entries": counted.entries,
            "actors": counted.actors,
            "resources": counted.resources,
            "actions": dict(counted.actions),
            "first_time": None if counted.first_ts is None else iso_time(counted.first_ts),
            "last_time": None if counted.last_ts is None else iso_time(counted.last_ts),
            "signed_size": counted.signed_size,
        }

    @router.post("/verify", dependencies=[may_read], summary="Verify the ledger now, or a time of it")
    def verify_now(request: VerifyRequest | None = None) -> dict[str, Any]:
        asked = request or VerifyRequest()
        with store.snapshot() as snapshot:
            span = snapshot.span_of(_time("since", asked.since), _time("until", asked.until))
            size = min(snapshot.head().size, span.end) - span.first
        if size > LARGEST_VERIFY:
            raise Problem(
                413,
                "ledger_too_large",
                f"these are {size} entries, more than the {LARGEST_VERIFY} that are verified over HTTP",
                remedy="run `driftline ledger verify`",
            )
        return _report(verify(Level(asked.level), span))

    return router


def _trail(store: LedgerStore, query: found.Query, kind: TrailKind) -> dict[str, Any]:
    with store.snapshot() as snapshot:
        trail = check_trail(list(snapshot.entries(query)), kind)
        note = (
            no_entries(f"of {query.actor}", snapshot.erased_subjects())
            if query.actor is not None and not trail.entries
            else None
        )
    return {
        "complete": trail.complete,
        "broken_at": trail.broken_at,
        "entries": [summary(entry) for entry in trail.entries],
        "note": note,
    }


def _report(report: Report) -> dict[str, Any]:
    first = report.first_bad
    return {
        "verdict": report.verdict.value,
        "level": report.level.value,
        "valid": report.valid,
        "total_entries": report.size,
        "verified_entries": report.entries,
        "invalid_entries": report.invalid_entries,
        "chain_breaks": report.chain_breaks,
        "head": {"size": report.size, "root": report.root.hex(), "signed_size": report.signed_size},
        "first_bad": None if first is None else {"sequence": first.sequence, "kind": first.kind.value, "detail": first.detail},
        "findings": [{"sequence": f.sequence, "kind": f.kind.value, "detail": f.detail} for f in report.findings],
    }


def _time(field: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return time_of(text)
    except ValueError as error:
        raise Problem(422, "invalid_request", f"{field}: {error}", remedy="write it as 2026-03-01T05:15:00Z") from None
