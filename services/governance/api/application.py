"""The application of governance: its routes, and what each refusal of the core means over HTTP."""

from fastapi import FastAPI, Request, Response
from prometheus_client import REGISTRY

from driftline.governance.errors import Conflict, DefinitionRefused, NotFound
from driftline.runtime.health import Health
from driftline.runtime.http import create_app
from driftline.runtime.problems import Problem, problem_response
from services.governance import metrics
from services.governance.api import compliance, models, monitors
from services.governance.api.desk import Counter

_BODY_LIMIT = 2 * 1024 * 1024


def application(counter: Counter, health: Health) -> FastAPI:
    """Routes, health, metrics and problem documents."""
    app = create_app("Driftline governance", health=health, registry=REGISTRY, body_limit=_BODY_LIMIT)
    app.include_router(models.routes(counter))
    app.include_router(monitors.routes(counter))
    app.include_router(compliance.routes(counter))

    @app.exception_handler(DefinitionRefused)
    async def on_definition(request: Request, error: DefinitionRefused) -> Response:
        faults = [{"field": fault.field, "line": fault.line, "detail": fault.detail} for fault in error.problems]
        count = f"{len(faults)} faults" if len(faults) > 1 else "one fault"
        return _refused(
            request,
            Problem(
                422,
                "invalid_definition",
                f"the definition has {count}",
                remedy="mend the fields and send it again",
                extra={"errors": faults},
            ),
        )

    @app.exception_handler(NotFound)
    async def on_not_found(request: Request, error: NotFound) -> Response:
        return _refused(request, Problem(404, "not_found", str(error)))

    @app.exception_handler(Conflict)
    async def on_conflict(request: Request, error: Conflict) -> Response:
        return _refused(request, Problem(409, "conflict", str(error)))

    return app


def _refused(request: Request, problem: Problem) -> Response:
    metrics.REFUSALS.labels(reason=problem.code).inc()
    return problem_response(problem, request.url.path)
