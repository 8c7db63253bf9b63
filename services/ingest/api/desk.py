"""One request from its bytes to its answer: who sends it, whether it is a repeat, what became of its rows."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import orjson
from fastapi import Request, Response

from driftline.clock import Clock
from driftline.errors import Reason
from driftline.runtime.http import Access
from driftline.runtime.problems import FieldFault, Problem
from driftline.runtime.tokens import Actor
from services.ingest import metrics
from services.ingest.adapters.idempotency import ClaimState, Keys
from services.ingest.adapters.outbox import Busy
from services.ingest.api.gathering import Gatherer, Kind, Outcome
from services.ingest.api.intake import read_rows

ROLE = "producer"
_MAXIMUM_KEY = 255


@dataclass(slots=True)
class Desk:
    """What the doors stand on. `limit_bytes` bounds the bodies of all requests that are not answered yet."""

    gatherer: Gatherer
    keys: Keys
    access: Access
    clock: Clock
    limit_bytes: int
    _held_bytes: int = 0

    async def serve(self, request: Request, kind: Kind) -> Response:
        """Answer 202 when the broker has what was accepted. Raises Problem, Busy or BrokerSilent."""
        actor = self._actor(request)
        key = request.headers.get("idempotency-key")
        if key is not None and not 0 < len(key) <= _MAXIMUM_KEY:
            raise Problem(
                400,
                "invalid_idempotency_key",
                f"an Idempotency-Key has 1 to {_MAXIMUM_KEY} characters",
                remedy="use a UUID",
            )
        with self._room(request):
            body = await request.body()
            if key is None:
                return _answer(await self._store(kind, body, actor))
            return await self._once(kind, body, actor, key)

    @contextmanager
    def _room(self, request: Request) -> Iterator[None]:
        """Hold room for a body, before it is read; one request always has it."""
        declared = request.headers.get("content-length", "")
        size = int(declared) if declared.isdigit() else 0
        if self._held_bytes and self._held_bytes + size > self.limit_bytes:
            metrics.REQUESTS_TURNED_AWAY.labels(cause="busy").inc()
            raise Busy(f"{self._held_bytes} bytes are being worked on already; try again in a moment")
        self._held_bytes += size
        metrics.IN_FLIGHT_BYTES.set(self._held_bytes)
        try:
            yield
        finally:
            self._held_bytes -= size
            metrics.IN_FLIGHT_BYTES.set(self._held_bytes)

    async def _once(self, kind: Kind, body: bytes, actor: Actor, key: str) -> Response:
        """The same answer to every repeat of a key. Only what was stored is remembered."""
        name, digest = f"{actor.name}:{kind.topic}:{key}", hashlib.sha256(body).digest()
        claim = await asyncio.to_thread(self.keys.claim, name, digest, self.clock.now_us())
        if claim.state is ClaimState.ANSWERED:
            metrics.REQUESTS_REPLAYED.inc()
            return _answer(claim.answer, replayed=True)
        if claim.state is ClaimState.OTHER_BODY:
            raise Problem(
                422,
                "idempotency_key_reused",
                "this Idempotency-Key was used with another body",
                remedy="a repeat has the same bytes; give a new request a new key",
            )
        if claim.state is ClaimState.UNDER_WAY:
            raise Problem(
                409,
                "request_under_way",
                "a request with this Idempotency-Key is being worked on",
                remedy="wait for its answer, or repeat it later",
                headers={"Retry-After": "1"},
            )
        try:
            answer = await self._store(kind, body, actor)
        except BaseException:
            await asyncio.to_thread(self.keys.release, name)
            raise
        await asyncio.to_thread(self.keys.keep, name, digest, answer, self.clock.now_us())
        return _answer(answer)

    def _actor(self, request: Request) -> Actor:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        actor = self.access.identify(token.strip() if scheme.lower() == "bearer" else None)
        if not actor.may(ROLE):
            raise Problem(
                403,
                "forbidden",
                f"{actor.name} may not send events: it wants the role {ROLE}",
                remedy=f"ask an administrator for a token with --role {ROLE}",
            )
        return actor

    async def _store(self, kind: Kind, body: bytes, actor: Actor) -> bytes:
        """The body of the 202. Raises Problem where no row is good."""
        outcome = await self.gatherer.store(kind, actor.name, read_rows(body))
        for refusal in outcome.refused:
            metrics.EVENTS_REFUSED.labels(kind=kind.name, reason=refusal.reason.value).inc()
        if not outcome.accepted:
            raise _nothing_accepted(outcome)
        metrics.EVENTS_ACCEPTED.labels(kind=kind.name).inc(outcome.accepted)
        rejected = [refusal.as_json() for refusal in outcome.refused]
        return orjson.dumps({"accepted": outcome.accepted, "rejected": rejected})


def _answer(body: bytes, *, replayed: bool = False) -> Response:
    headers = {"Idempotency-Replayed": "true"} if replayed else None
    return Response(body, status_code=202, media_type="application/json", headers=headers)


def _nothing_accepted(outcome: Outcome) -> Problem:
    """404 where the model is what is unknown, else 422; with the refusals, as the 202 has them."""
    first = outcome.refused[0]
    extra = {"rejected": [refusal.as_json() for refusal in outcome.refused]}
    if all(refusal.reason is Reason.UNKNOWN_MODEL for refusal in outcome.refused):
        return Problem(404, Reason.UNKNOWN_MODEL.value, first.detail, extra=extra)
    if len(outcome.refused) == 1:
        faults = [FieldFault(first.field, first.detail, "mend the field and send the event again")]
        return Problem(422, first.reason.value, first.detail, faults=faults, extra=extra)
    detail = f"none of the {len(outcome.refused)} events is good; the first: {first.detail}"
    return Problem(422, "no_event_accepted", detail, remedy="see rejected[] for each event", extra=extra)
