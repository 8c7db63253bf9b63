"""The page, server-rendered. The script swaps its live parts with those of a fresh rendering, so there is one way to draw it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment

from driftline.clock import Clock
from driftline.runtime.problems import Problem
from driftline.runtime.tokens import Actor
from services.console.api.door import Door
from services.console.api.runbooks import read_runbook, runbook_names, to_html
from services.console.api.views import short_name
from services.console.store.checks import CheckQueries
from services.console.store.queries import ModelLine, Queries
from services.console.store.tables import HEAT_MEASURES

CLOSED_ALERTS = 5
LAST_CHECKS = 5


@dataclass(frozen=True, slots=True)
class Chosen:
    """What of a model the page shows."""

    model: ModelLine
    granularity: str
    granularities: list[str]
    model_version: str
    model_versions: list[str]
    measure: str


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the page gets what it shows."""

    queries: Queries
    checks: CheckQueries
    clock: Clock

    def checks_of(self, chosen: Chosen | None) -> dict[str, Any]:
        """The schedule of the chosen model, and its last checks."""
        if chosen is None:
            return {"planned": None, "checks": []}
        model_id = chosen.model.model_id
        planned = next(iter(self.checks.schedules(self.clock.now_us(), model_id)), None)
        return {"planned": planned, "checks": self.checks.history(model_id=model_id, limit=LAST_CHECKS)}


def routes(sources: Sources, templates: Environment, door: Door, runbooks: Path) -> APIRouter:
    """`/`, `/runbooks`, and the addresses that alerts carry."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    queries = sources.queries

    @router.get("/")
    def page(
        actor: Annotated[Actor, Depends(door.visitor)],
        model: Annotated[str | None, Query(max_length=512)] = None,
        granularity: Annotated[str | None, Query(max_length=32)] = None,
        version: Annotated[str | None, Query(max_length=512)] = None,
        measure: Annotated[str, Query(max_length=32)] = "psi",
    ) -> str:
        fleet = queries.fleet()
        chosen = choose(queries, fleet, model=model, granularity=granularity, version=version, measure=measure)
        return templates.get_template("page.html").render(
            actor=actor, chosen=chosen, asked=model, fleet=fleet, **sources.checks_of(chosen), **_surroundings(queries)
        )

    @router.get("/runbooks")
    def all_runbooks(actor: Annotated[Actor, Depends(door.visitor)]) -> str:
        return templates.get_template("runbooks.html").render(actor=actor, names=runbook_names(runbooks))

    @router.get("/model-monitoring-{short:path}")
    def dashboard(short: str, _actor: Annotated[Actor, Depends(door.visitor)]) -> Response:
        found = next((line.model_id for line in queries.fleet() if short_name(line.model_id) == short), short)
        return RedirectResponse(f"/?model={quote(found, safe='')}", 303)

    @router.get("/mlops-overview")
    def overview() -> Response:
        return RedirectResponse("/", 303)

    @router.get("/mlops/{name}")
    @router.get("/runbooks/{name}")
    def runbook(name: str, actor: Annotated[Actor, Depends(door.visitor)]) -> Response:
        text = read_runbook(runbooks, name)
        if text is None:
            raise Problem(404, "not_found", f"there is no runbook {name!r}", remedy="see /runbooks for those there are")
        return HTMLResponse(templates.get_template("runbook.html").render(actor=actor, name=name, body=to_html(text)))

    return router


def choose(
    queries: Queries,
    fleet: list[ModelLine],
    *,
    model: str | None,
    granularity: str | None,
    version: str | None,
    measure: str,
) -> Chosen | None:
    """What to show: as asked where that exists, else the riskiest model at the granularity that alerts; None without models."""
    line = next((line for line in fleet if line.model_id == model), None) if model else next(iter(fleet), None)
    if line is None:
        return None
    granularities = queries.granularities(line.model_id)
    versions = queries.model_versions(line.model_id)
    usual = line.granularity if line.granularity in granularities else next(iter(granularities), line.granularity or "")
    return Chosen(
        model=line,
        granularity=granularity if granularity in granularities else usual,
        granularities=granularities,
        model_version=version if version in versions else next(iter(versions), ""),
        model_versions=versions,
        measure=measure if measure in HEAT_MEASURES else "psi",
    )


def _surroundings(queries: Queries) -> dict[str, Any]:
    return {
        "open_alerts": queries.alerts(open_=True),
        "closed_alerts": queries.alerts(open_=False, limit=CLOSED_ALERTS),
        "alert_counts": queries.open_alerts_by_priority(),
        "problems": queries.problems(),
        "ledgers": queries.ledgers(),
        "windows": queries.window_count(),
        "heat_measures": HEAT_MEASURES,
    }
