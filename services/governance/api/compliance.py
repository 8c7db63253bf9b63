"""What is required of models and how far they meet it, over HTTP."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from driftline.events import ComplianceReported, ComplianceTrigger, EvidenceAttested, Requirement, RequirementsDeclared
from driftline.governance.compliance.report import assess, told
from driftline.governance.compliance.requirements import ATTESTABLE, requirements_of
from driftline.governance.errors import Conflict, NotFound
from driftline.governance.fields import nearest
from driftline.governance.periods import DAY_US
from driftline.governance.registry import check_id
from driftline.runtime.tokens import Actor
from services.governance.adapters.journal import GovernanceEvent, Proposal
from services.governance.api.body import text_of
from services.governance.api.desk import CHANGERS, READERS, Counter
from services.governance.api.views import View, compliance_view, report_view
from services.governance.store import Store

_LONGEST_DAYS = 366
"""People look again at what they vouch for at least once a year."""

Events = tuple[GovernanceEvent, ...]


class Attestation(BaseModel):
    """What somebody vouches for."""

    model_config = ConfigDict(extra="forbid")

    requirement: Annotated[str, Field(min_length=1, max_length=100)]
    statement: Annotated[str, Field(min_length=1, max_length=4096)]
    document: Annotated[str, Field(min_length=1, max_length=2048, description="A URL, or the SHA-256 of a document.")]
    value: Annotated[float | None, Field(ge=0, le=1, description="Share of predictions that are explained.")] = None
    days: Annotated[int, Field(ge=0, le=_LONGEST_DAYS, description="For how long it counts; 0 takes it back.")] = (
        _LONGEST_DAYS - 1
    )


def routes(counter: Counter) -> APIRouter:
    """The routes below /v1/compliance."""
    router = APIRouter(prefix="/v1/compliance", tags=["compliance"])
    _reading(router, counter)
    changer = Depends(counter.access.require(*CHANGERS))

    @router.put(
        "/{model_id:path}/requirements",
        summary="Declare what is required of a model (YAML or JSON), and evaluate it",
        description="An empty document requires everything with its defaults. 201: something changed, 200: it is so already.",
    )
    async def put_requirements(model_id: str, request: Request, response: Response, actor: Annotated[Actor, changer]) -> View:
        wanted = requirements_of(await text_of(request))
        now = counter.clock.now_us()

        def decide(store: Store) -> Events:
            _check_known(store, model_id)
            return () if store.requirements(model_id) == wanted else _declared(store, model_id, wanted, actor.name, now)

        return await _changed(counter, response, model_id, actor, decide)

    @router.delete("/{model_id:path}/requirements", summary="Require nothing of a model any more")
    async def delete_requirements(model_id: str, response: Response, actor: Annotated[Actor, changer]) -> View:
        now = counter.clock.now_us()

        def decide(store: Store) -> Events:
            return _declared(store, model_id, (), actor.name, now) if store.requirements(model_id) else ()

        return await _changed(counter, response, model_id, actor, decide)

    @router.post("/{model_id:path}/checks", summary="Evaluate a model now, and report", status_code=201)
    async def post_check(model_id: str, response: Response, actor: Annotated[Actor, changer]) -> View:
        now = counter.clock.now_us()

        def decide(store: Store) -> Events:
            _check_declared(store, model_id)
            evidence = store.evidence(model_id, store.moment(model_id, now))
            return told(assess(model_id, store.requirements(model_id), evidence), ComplianceTrigger.ON_DEMAND, actor.name)

        return await _changed(counter, response, model_id, actor, decide)

    @router.post("/{model_id:path}/attestations", summary="Vouch for what Driftline has no evidence of", status_code=201)
    async def post_attestation(
        model_id: str, wanted: Attestation, response: Response, actor: Annotated[Actor, changer]
    ) -> View:
        now = counter.clock.now_us()

        def decide(store: Store) -> Events:
            _check_declared(store, model_id, wanted.requirement)
            return _attested(store, model_id, wanted, actor.name, now)

        return await _changed(counter, response, model_id, actor, decide)

    return router


def _reading(router: APIRouter, counter: Counter) -> None:
    readers = [Depends(counter.access.require(*READERS))]

    @router.get("", summary="Last report of every model", dependencies=readers)
    def list_reports() -> list[View]:
        return [report_view(report) for report in counter.store.compliance_reports().values()]

    @router.get("/{model_id:path}", summary="Last report of a model with every control", dependencies=readers)
    def show_report(model_id: str) -> View:
        return _view(counter.store, model_id)


def _declared(store: Store, model_id: str, wanted: tuple[Requirement, ...], actor: str, now: int) -> Events:
    """A declaration, and what is to be reported once it holds."""
    at = store.moment(model_id, now)
    said = RequirementsDeclared(model_id=model_id, requirements=wanted, actor=actor, at=at)
    assessment = assess(model_id, wanted, store.evidence(model_id, at))
    return (said, *told(assessment, ComplianceTrigger.CHANGED, actor))


def _attested(store: Store, model_id: str, wanted: Attestation, actor: str, now: int) -> Events:
    """A statement, and what is to be reported once it counts."""
    at = store.moment(model_id, now)
    said = EvidenceAttested(
        model_id=model_id,
        requirement=wanted.requirement,
        statement=wanted.statement,
        document=wanted.document,
        value=wanted.value,
        until=at + wanted.days * DAY_US,
        actor=actor,
        at=at,
    )
    evidence = store.evidence(model_id, at)
    vouched = replace(evidence, statements={**evidence.statements, said.requirement: said})
    return (said, *told(assess(model_id, store.requirements(model_id), vouched), ComplianceTrigger.CHANGED, actor))


def _check_known(store: Store, model_id: str) -> None:
    check_id(model_id, "model_id")
    if store.model(model_id) is None and store.current_monitor(model_id) is None:
        raise NotFound(f"no model {model_id!r} is registered; register it first (`driftline model register`)")


def _check_declared(store: Store, model_id: str, requirement: str | None = None) -> None:
    required = [one.name for one in store.requirements(model_id)]
    if not required:
        raise NotFound(f"nothing is required of {model_id!r}; declare it with `driftline compliance require`")
    if requirement is not None and requirement not in required:
        raise NotFound(f"{requirement!r} is not required of {model_id!r}; {nearest(requirement, required)}")
    if requirement is not None and requirement not in ATTESTABLE:
        raise Conflict(f"{requirement!r} is judged from evidence alone; attested are {', '.join(sorted(ATTESTABLE))}")


async def _changed(
    counter: Counter, response: Response, model_id: str, actor: Actor, decide: Callable[[Store], Events]
) -> View:
    """201 and the report where something was written, 200 where everything is so already."""

    def propose(store: Store) -> Proposal[bool]:
        events = decide(store)
        return Proposal(events, bool(events))

    written = await asyncio.wrap_future(counter.desk.change(propose, actor.name))
    response.status_code = 201 if written else 200
    return _view(counter.store, model_id)


def _view(store: Store, model_id: str) -> View:
    report: ComplianceReported | None = store.compliance_report(model_id)
    if report is None:
        _check_declared(store, model_id)
        raise NotFound(f"{model_id!r} was not evaluated yet; look again in a moment")
    return compliance_view(report, store)
