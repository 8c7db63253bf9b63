"""The application of ingest: two doors, and what each refusal means over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from prometheus_client import REGISTRY

from driftline.runtime.health import Health
from driftline.runtime.http import create_app
from driftline.runtime.problems import Problem, problem_response
from services.ingest.adapters.outbox import BrokerSilent, Busy
from services.ingest.api import openapi
from services.ingest.api.desk import Desk
from services.ingest.api.gathering import LABELS, PREDICTIONS


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
