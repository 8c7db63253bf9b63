"""Executions, figures and schedules of checks, as JSON."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from driftline.clock import Clock
from driftline.envelope import iso_time
from driftline.events import CheckStatus
from services.console.api.door import Door
from services.console.store.checks import CheckQueries

MOST_EXECUTIONS = 1000
_TIMES = ("due", "start", "end", "started", "at")

Model = Annotated[str | None, Query(alias="model", max_length=128)]


def routes(checks: CheckQueries, door: Door, clock: Clock) -> APIRouter:
    """Everything below `/v1/checks`."""
    router = APIRouter(prefix="/v1/checks", dependencies=[Depends(door.caller)], tags=["checks"])

    @router.get("", summary="The last executions, the latest first")
    def history(
        model: Model = None,
        status: CheckStatus | None = None,
        request: Annotated[str | None, Query(max_length=64)] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_EXECUTIONS)] = 50,
    ) -> list[dict[str, Any]]:
        found = checks.history(model_id=model, status=status, request_id=request, limit=limit)
        return [execution | {name: _time(execution[name]) for name in _TIMES} for execution in found]

    @router.get("/statistics", summary="Schedules and executions in a few figures")
    def statistics(model: Model = None) -> dict[str, Any]:
        return asdict(checks.statistics(model))

    @router.get("/schedules", summary="Schedules with their next points, the next one first")
    def schedules() -> list[dict[str, Any]]:
        return [asdict(one) | {"next_run_time": _time(one.next_run_time)} for one in checks.schedules(clock.now_us())]

    return router


def _time(microseconds: int | None) -> str | None:
    return None if microseconds is None else iso_time(microseconds)
