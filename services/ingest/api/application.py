"""The application of ingest: two doors, each judged, written, acknowledged, answered."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from prometheus_client import REGISTRY

from driftline import topics
from driftline.clock import Clock
from driftline.envelope import Envelope, Headers
from driftline.errors import Reason
from driftline.runtime.health import Health
from driftline.runtime.http import Access, create_app
from driftline.runtime.problems import FieldFault, Problem, problem_response
from driftline.runtime.tokens import Actor
from services.ingest import metrics
from services.ingest.adapters.idempotency import ClaimState, Keys
from services.ingest.adapters.outbox import BrokerSilent, Busy, Outbox, Record
from services.ingest.api import openapi
from services.ingest.api.dead_letters import dead_letters
from services.ingest.api.intake import Intake, Versions, read_rows
from services.ingest.api.labels import take_labels
from services.ingest.api.predictions import take_predictions

SOURCE = "/ingest"
ROLE = "producer"
_JSON = "application/json"
_MAXIMUM_KEY = 255


class Take(Protocol):
    """Judges the rows of a request and puts the accepted ones into wire form."""

    def __call__(self, rows: Sequence[Any], versions: Versions, *, now_us: int, partitions: int) -> Intake:
        """Judge and encode."""
        ...


@dataclass(frozen=True, slots=True)
class Kind:
    """What a door takes."""

    name: str
    event: str
    topic: str
    take: Take


PREDICTIONS = Kind("prediction", "PredictionBatch", "predictions", take_predictions)
LABELS = Kind("label", "Label", "labels", take_labels)


@dataclass(slots=True)
class Desk:
    """What the doors stand on."""

    versions: Versions
    outbox: Outbox
    keys: Keys
    access: Access
    clock: Clock
    session: str = field(default_factory=lambda: uuid.uuid4().hex)
    numbers: count[int] = field(default_factory=count)

    async def serve(self, request: Request, kind: Kind) -> Response:
        """One request from its bytes to its answer."""
        actor = self._actor(request)
        body = await request.body()
        key = request.headers.get("idempotency-key")
        if key is None:
            return _answer(await self._store(kind, body, actor))
        if not 0 < len(key) <= _MAXIMUM_KEY:
            raise Problem(400, "invalid_idempotency_key", f"an Idempotency-Key has 1 to {_MAXIMUM_KEY} characters")
        return await self._once(kind, body, actor, key)

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
        """Judge, write, wait for the broker; the body of the 202. Raises Problem where no row is good."""
        rows = read_rows(body)
        now_us = self.clock.now_us()
        intake = kind.take(rows, self.versions, now_us=now_us, partitions=topics.catalogue()[kind.topic].partitions)
        await self.outbox.send(self._records(kind, rows, intake, now_us, actor))
        for refusal in intake.refused:
            metrics.EVENTS_REFUSED.labels(kind=kind.name, reason=refusal.reason.value).inc()
        if not intake.accepted:
            raise _nothing_accepted(intake, single=len(rows) == 1)
        metrics.EVENTS_ACCEPTED.labels(kind=kind.name).inc(intake.accepted)
        rejected = [refusal.as_json() for refusal in intake.refused]
        return orjson.dumps({"accepted": intake.accepted, "rejected": rejected})

    def _records(self, kind: Kind, rows: Sequence[Any], intake: Intake, now_us: int, actor: Actor) -> list[Record]:
        """Everything that a request writes: its accepted rows, and a dead letter for each reason."""
        topic = topics.name(kind.topic)
        envelopes = _Envelopes(self, now_us, actor)
        records = [
            Record(topic, ready.value, ready.key, envelopes.headers(kind.event, ready.model_id), ready.partition)
            for ready in intake.ready
        ]
        if intake.refused:
            letters = dead_letters(topic, "events", rows, intake.refused, now_us=now_us)
            dead = topics.name("dead-letters")
            records += [
                Record(dead, value, (model_id or "").encode(), envelopes.headers("DeadLetter", model_id))
                for model_id, value in letters
            ]
        return records


class _Envelopes:
    """Headers for the records of one request; all but the id are made once for each event and model."""

    def __init__(self, desk: Desk, now_us: int, actor: Actor) -> None:
        self._desk = desk
        self._now_us = now_us
        self._actor = actor
        self._made: dict[tuple[str, str | None], Headers] = {}

    def headers(self, event: str, model_id: str | None) -> Headers:
        """The headers of the next record."""
        made = self._made.get((event, model_id))
        if made is None:
            envelope = Envelope(
                id="", type=event, source=SOURCE, time_us=self._now_us, subject=model_id, actor=self._actor.name
            )
            made = self._made[event, model_id] = [pair for pair in envelope.headers() if pair[0] != "ce_id"]
        return [("ce_id", f"{self._desk.session}-{next(self._desk.numbers)}".encode()), *made]


def _answer(body: bytes, *, replayed: bool = False) -> Response:
    headers = {"Idempotency-Replayed": "true"} if replayed else None
    return Response(body, status_code=202, media_type=_JSON, headers=headers)


def _nothing_accepted(intake: Intake, *, single: bool) -> Problem:
    """404 where the model is what is unknown, else 422; with the refusals, as the 202 has them."""
    first = intake.refused[0]
    extra = {"rejected": [refusal.as_json() for refusal in intake.refused]}
    if all(refusal.reason is Reason.UNKNOWN_MODEL for refusal in intake.refused):
        return Problem(404, Reason.UNKNOWN_MODEL.value, first.detail, extra=extra)
    if single:
        faults = [FieldFault(first.field, first.detail, "mend the field and send the event again")]
        return Problem(422, first.reason.value, first.detail, faults=faults, extra=extra)
    detail = f"none of the {len(intake.refused)} events is good; the first: {first.detail}"
    return Problem(422, "no_event_accepted", detail, remedy="see rejected[] for each event", extra=extra)


class _PlainRoute(APIRoute):
    """A documented route whose handler gets the request as it is: no parsing by the framework on the hot path."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The endpoint itself."""
        endpoint: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return endpoint


def application(desk: Desk, health: Health, *, body_limit: int) -> FastAPI:
    """Routes, health, metrics and problem documents."""
    app = create_app("Driftline ingest", health=health, registry=REGISTRY, body_limit=body_limit)
    app.description = openapi.DESCRIPTION
    _document_tokens(app)

    async def predictions(request: Request) -> Response:
        return await desk.serve(request, PREDICTIONS)

    async def labels(request: Request) -> Response:
        return await desk.serve(request, LABELS)

    for path, endpoint, extra in (
        ("/v1/predictions", predictions, openapi.PREDICTIONS),
        ("/v1/labels", labels, openapi.LABELS),
    ):
        app.router.add_api_route(
            path,
            endpoint,
            methods=["POST"],
            status_code=202,
            tags=["events"],
            openapi_extra=extra,
            route_class_override=_PlainRoute,
            response_class=Response,
        )

    @app.exception_handler(Busy)
    async def on_busy(request: Request, error: Busy) -> Response:
        problem = Problem(429, "busy", str(error), remedy="try again in a moment", headers={"Retry-After": "1"})
        return problem_response(problem, request.url.path)

    @app.exception_handler(BrokerSilent)
    async def on_silent(request: Request, error: BrokerSilent) -> Response:
        problem = Problem(
            503, "broker_silent", str(error), remedy="repeat it with the same Idempotency-Key", headers={"Retry-After": "5"}
        )
        return problem_response(problem, request.url.path)

    return app


def _document_tokens(app: FastAPI) -> None:
    """Say on the OpenAPI page that the doors want a bearer token."""
    made = app.openapi

    def document() -> dict[str, Any]:
        found = made()
        found.setdefault("components", {})["securitySchemes"] = openapi.SECURITY
        return found

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's own way of extending the document
