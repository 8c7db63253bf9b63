"""What the page draws, as JSON, and its live feed."""

from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query
from fastapi.responses import StreamingResponse

from driftline.runtime.problems import Problem
from services.console.api.charts import window_charts
from services.console.api.door import Door
from services.console.api.feed import Feed
from services.console.store.queries import Queries
from services.console.store.tables import HEAT_MEASURES

MOST_WINDOWS = 2000


def routes(queries: Queries, door: Door, feed: Feed) -> APIRouter:
    """Everything below `/v1` but the login links."""
    router = APIRouter(prefix="/v1", dependencies=[Depends(door.caller)], tags=["read models"])

    @router.get("/models", summary="Every model with its risk, the riskiest first")
    def models() -> list[dict[str, Any]]:
        return [asdict(line) for line in queries.fleet()]

    @router.get("/models/{model_id:path}/windows", summary="Windows of a model as the charts need them")
    def windows(
        model_id: str,
        granularity: Annotated[str, Query(max_length=32)],
        version: Annotated[str, Query(max_length=512)],
        measure: Annotated[str, Query(max_length=32)] = "psi",
        limit: Annotated[int, Query(ge=1, le=MOST_WINDOWS)] = 400,
    ) -> dict[str, Any]:
        if measure not in HEAT_MEASURES:
            remedy = f"use one of {', '.join(HEAT_MEASURES)}"
            raise Problem(422, "unknown_measure", f"there is no heatmap of {measure!r}", remedy=remedy)
        found = queries.windows(model_id, granularity=granularity, model_version=version, limit=limit)
        return window_charts(found, measure)

    @router.get("/alerts", summary="Open alerts by priority, and those resolved last")
    def alerts() -> dict[str, Any]:
        return {
            "open": [asdict(line) for line in queries.alerts(open_=True, limit=1000)],
            "resolved": [asdict(line) for line in queries.alerts(open_=False)],
        }

    @router.get("/health", summary="What is wrong with Driftline or its streams")
    def health() -> list[dict[str, Any]]:
        return [asdict(problem) for problem in queries.problems()]

    @router.get("/ledger", summary="The last signed head of each ledger")
    def ledger() -> list[dict[str, Any]]:
        return [asdict(head) for head in queries.ledgers()]

    @router.get("/live", summary="Server-sent events: which models changed", response_class=StreamingResponse)
    async def live(last_event_id: Annotated[str | None, Header(max_length=100)] = None) -> StreamingResponse:
        stream: AsyncIterator[str] = feed.events(last_event_id)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(stream, media_type="text/event-stream", headers=headers)

    return router
