"""Monitors over HTTP: the only way a monitor is ever written."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from driftline.drift.dialect import Dialect
from driftline.governance.definition import baseline_named, parse_definition
from driftline.governance.errors import NotFound
from driftline.governance.monitors import Outcome, Plan, plan
from driftline.governance.registry import check_id
from driftline.runtime.tokens import Actor
from services.governance.adapters.journal import Proposal
from services.governance.api.body import text_of
from services.governance.api.desk import CHANGERS, READERS, Counter
from services.governance.api.views import View, monitor_view, planned_view
from services.governance.store import Store


def routes(counter: Counter) -> APIRouter:
    """The routes below /v1/monitors."""
    router = APIRouter(prefix="/v1/monitors", tags=["monitors"])
    readers = [Depends(counter.access.require(*READERS))]
    changer = Depends(counter.access.require(*CHANGERS))

    @router.get("", summary="Latest version of every monitor", dependencies=readers)
    def list_monitors() -> list[View]:
        now = counter.clock.now_us()
        return [monitor_view(applied, counter.store, now, whole=False) for applied in counter.store.current_monitors()]

    @router.get("/{model_id:path}", summary="Every version of a monitor, the latest in full", dependencies=readers)
    def show_monitor(model_id: str) -> View:
        return _whole(counter, model_id)

    @router.put(
        "/{model_id:path}",
        summary="Apply a definition (YAML or JSON)",
        description="201: a new version. 200: the present version says the same, or `dry_run`: nothing is written, and the answer says "
        "what would be, and what becomes of the business metrics. 409: `expected_version` is not the present one.",
    )
    async def apply_monitor(
        model_id: str,
        request: Request,
        response: Response,
        actor: Annotated[Actor, changer],
        *,
        expected_version: Annotated[int | None, Query(ge=0, description="Version seen last; 0 = none yet.")] = None,
        dry_run: Annotated[bool, Query(description="Only say what applying it would come to.")] = False,
    ) -> View:
        text = await text_of(request)

        def decide(store: Store) -> Proposal[Plan]:
            planned = _planned(store, model_id, text, expected_version, actor.name)
            unwritten = dry_run or planned.outcome is Outcome.UNCHANGED
            return Proposal(() if unwritten else (planned.monitor,), planned)

        planned = await asyncio.wrap_future(counter.desk.change(decide, actor.name))
        if dry_run:
            return planned_view(planned)
        response.status_code = 200 if planned.outcome is Outcome.UNCHANGED else 201
        applied = counter.store.current_monitor(model_id)
        if applied is None:
            raise NotFound(f"the monitor of {model_id!r} was written but is not read yet; look again")
        return monitor_view(applied, counter.store, counter.clock.now_us()) | {"outcome": planned.outcome.value}

    return router


def _planned(store: Store, model_id: str, text: str, expected_version: int | None, actor: str) -> Plan:
    check_id(model_id, "model_id")
    named = baseline_named(text)
    definition = parse_definition(
        text, model_id=model_id, actor=actor, baseline=None if named is None else store.baseline(named), dialect=Dialect()
    )
    current = store.current_monitor(model_id)
    return plan(
        definition,
        current=current.monitor if current else None,
        expected_version=expected_version,
        watermark=store.watermark(model_id),
    )


def _whole(counter: Counter, model_id: str) -> View:
    versions = counter.store.monitor_versions(model_id)
    if not versions:
        raise NotFound(f"{model_id!r} has no monitor; apply one with `driftline monitor apply -f FILE`")
    now = counter.clock.now_us()
    return {
        "model_id": model_id,
        "current": monitor_view(versions[-1], counter.store, now),
        "versions": [monitor_view(version, counter.store, now, whole=False) for version in versions],
    }
