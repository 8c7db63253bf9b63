"""The application of ingest: two doors, and what each refusal means over HTTP."""

from __future__ import annotations

from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from prometheus_client import REGISTRY
from starlette.types import ASGIApp, Receive, Scope, Send

from driftline.errors import Unavailable
from driftline.runtime.body_limit import BodyLimit
from driftline.runtime.health import Health
from driftline.runtime.http import create_app
from driftline.runtime.problems import Problem, problem_response
from services.ingest.adapters.outbox import BrokerSilent, Busy
from services.ingest.api import openapi
from services.ingest.api.desk import Desk
from services.ingest.api.gathering import LABELS, PREDICTIONS, Kind

_DOORS = {"/v1/predictions": PREDICTIONS, "/v1/labels": LABELS}


def application(desk: Desk, health: Health, *, body_limit: int) -> ASGIApp:
    """The doors, and beside them health, metrics and the OpenAPI page."""
    beside = create_app("Driftline ingest", health=health, registry=REGISTRY, body_limit=body_limit)
    beside.description = openapi.DESCRIPTION
    _document_doors(beside)
    return BodyLimit(_Doors(desk, beside), body_limit)


class _Doors:
    """Answers the doors itself and leaves all else to the framework, whose routing would cost a tenth of a request."""

    def __init__(self, desk: Desk, beside: FastAPI) -> None:
        self._desk = desk
        self._beside = beside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        kind = _DOORS.get(scope["path"]) if scope["type"] == "http" else None
        if kind is None:
            await self._beside(scope, receive, send)
            return
        answer = await self._answer(Request(scope, receive), kind)
        await answer(scope, receive, send)

    async def _answer(self, request: Request, kind: Kind) -> Response:
        if request.method != "POST":
            wrong = Problem(405, "method_not_allowed", "only POST is taken here", headers={"Allow": "POST"})
            return problem_response(wrong, request.url.path)
        try:
            return await self._desk.serve(request, kind)
        except Exception as error:  # noqa: BLE001 - the edge: whatever it is, the caller gets a problem document
            return problem_response(_problem(error), request.url.path)


def _problem(error: Exception) -> Problem:
    match error:
        case Problem():
            return error
        case Busy():
            return Problem(429, "busy", str(error), remedy="try again in a moment", headers={"Retry-After": "1"})
        case BrokerSilent():
            remedy = "repeat it with the same Idempotency-Key"
            return Problem(503, "broker_silent", str(error), remedy=remedy, headers={"Retry-After": "5"})
        case Unavailable():
            return Problem(503, "unavailable", str(error), remedy="try again", headers={"Retry-After": "2"})
    structlog.get_logger("ingest").error("request failed", exc_info=error)
    return Problem(500, "internal_error", "an error on our side; the log of the service has the details")


def _document_doors(app: FastAPI) -> None:
    """Put the doors on the OpenAPI page."""
    made = app.openapi

    def document() -> dict[str, Any]:
        found = made()
        found.setdefault("components", {})["securitySchemes"] = openapi.SECURITY
        found["paths"] = {path: {"post": operation} for path, operation in openapi.OPERATIONS.items()} | found["paths"]
        return found

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's own way of extending the document
