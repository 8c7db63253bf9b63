"""The automated response over HTTP: what it plans and did, approval by people, modes, and the hand-back of what serves."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Depends
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from driftline.alerting.response.actions import Band
from driftline.alerting.response.plan import NotAllowed, NotNow, Plan, State
from driftline.alerting.response.policy import Mode, ResponsePolicy
from driftline.alerting.response.record import RUNBOOKS, as_json, as_markdown
from driftline.envelope import iso_time
from driftline.runtime.http import Access
from driftline.runtime.problems import Problem
from driftline.runtime.tokens import VIEWERS, Actor
from services.alerting.api.alerts import Limit
from services.alerting.store.database import Database
from services.alerting.store.response import calls, plans, serving, windows
from services.alerting.store.response.calls import Setting

_ACTING = (Mode.APPROVE, Mode.AUTO)


class Words(BaseModel):
    """Why."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=2000, description="kept with the decision")


class Wanted(Words):
    """A mode for a model."""

    mode: Mode | None = Field(description="off, shadow, approve or auto; null: as the policy says. Also ends a switch-off.")


class Deciding(Protocol):
    """Does what people say; `services.alerting.jobs.response.people.People`."""

    def approve(self, plan_id: str, by: str, words: str) -> None:
        """Raises NotAllowed, NotNow or LookupError."""
        ...

    def reject(self, plan_id: str, by: str, words: str) -> None:
        """Raises NotAllowed, NotNow or LookupError."""
        ...

    def set_mode(self, model_id: str, mode: Mode | None, by: str, words: str) -> None:
        """Set the mode of a model, or of all by `*`."""
        ...

    def release(self, model_id: str, by: str, words: str) -> None:
        """Raises NotNow."""
        ...

    def roll_back(self, model_id: str, by: str, words: str) -> None:
        """Raises NotNow."""
        ...


def response_routes(database: Database, policy: Callable[[], ResponsePolicy], access: Access, people: Deciding) -> APIRouter:
    """Below /v1/responses: viewers read, operators stop and reject, approvers approve, raise modes and hand back."""
    router = APIRouter()
    router.include_router(_reading(database, policy, access))
    router.include_router(_deciding(database, policy, access, people))
    return router


def _reading(database: Database, policy: Callable[[], ResponsePolicy], access: Access) -> APIRouter:
    router = APIRouter(prefix="/v1/responses", tags=["responses"])
    look = [Depends(access.require(*VIEWERS))]

    @router.get("", summary="Plans, the latest first", dependencies=look)
    def list_plans(
        state: State | None = None, model_id: str | None = None, runbook: str | None = None, limit: Limit = 100
    ) -> dict[str, Any]:
        given = {"state": None if state is None else state.value, "model_id": model_id, "category": _category(runbook)}
        filters = {name: value for name, value in given.items() if value is not None}
        with database.read() as tx:
            found = plans.page(tx, filters=filters, limit=limit, offset=0)
        return {"plans": [_line(plan) for plan in found]}

    @router.get("/modes", summary="What holds for each model", dependencies=look)
    def list_modes() -> dict[str, Any]:
        return _modes(database, policy())

    @router.get("/calls", summary="Whom the response called, the latest first", dependencies=look)
    def list_calls(limit: Limit = 100) -> dict[str, Any]:
        with database.read() as tx:
            return {"calls": [asdict(call) for call in calls.page(tx, limit)]}

    @router.get("/serving", summary="What shall serve, and what is said to", dependencies=look)
    def list_serving() -> dict[str, Any]:
        return _serving(database)

    @router.get("/{plan_id}", summary="The record of a plan", dependencies=look)
    def show(plan_id: str) -> dict[str, Any]:
        return _record(database, plan_id)

    @router.get("/{plan_id}/record.md", summary="The same for people", dependencies=look)
    def show_markdown(plan_id: str) -> PlainTextResponse:
        with database.read() as tx:
            text = as_markdown(_known(tx, plan_id), plans.history_of(tx, plan_id))
        return PlainTextResponse(text, media_type="text/markdown")

    return router


def _deciding(database: Database, policy: Callable[[], ResponsePolicy], access: Access, people: Deciding) -> APIRouter:
    router = APIRouter(prefix="/v1/responses", tags=["responses"])
    decide = access.require("approver")
    hold = access.require("operator", "approver")

    @router.post("/{plan_id}/approve", summary="Let it be executed, if the guards still allow it")
    def approve_plan(plan_id: str, words: Words, actor: Annotated[Actor, Depends(decide)]) -> dict[str, Any]:
        with _problems():
            people.approve(plan_id, actor.name, words.reason)
        return _record(database, plan_id)

    @router.post("/{plan_id}/reject", summary="Do not execute it")
    def reject_plan(plan_id: str, words: Words, actor: Annotated[Actor, Depends(hold)]) -> dict[str, Any]:
        with _problems():
            people.reject(plan_id, actor.name, words.reason)
        return _record(database, plan_id)

    @router.put("/modes/{model_id}", summary="Set the mode of a model; * with off stops all")
    def set_mode(model_id: str, wanted: Wanted, actor: Annotated[Actor, Depends(hold)]) -> dict[str, Any]:
        _check_mode(model_id, wanted, actor)
        people.set_mode(model_id, wanted.mode, actor.name, wanted.reason)
        return _modes(database, policy())

    @router.post("/serving/{model_id}/rollback", summary="Serve the last good version now")
    def roll_back(model_id: str, words: Words, actor: Annotated[Actor, Depends(decide)]) -> dict[str, Any]:
        with _problems():
            people.roll_back(model_id, actor.name, words.reason)
        return _serving(database)

    @router.post("/serving/{model_id}/release", summary="Serve again what was deployed")
    def release(model_id: str, words: Words, actor: Annotated[Actor, Depends(decide)]) -> dict[str, Any]:
        with _problems():
            people.release(model_id, actor.name, words.reason)
        return _serving(database)

    return router


@contextmanager
def _problems() -> Iterator[None]:
    """What people cannot do, in their words."""
    try:
        yield
    except NotAllowed as error:
        raise Problem(403, "not_allowed", str(error), remedy="let somebody else decide") from error
    except NotNow as error:
        raise Problem(409, "not_now", str(error), remedy="look at it again") from error
    except LookupError as error:
        raise _unknown(str(error.args[0])) from error


def _category(runbook: str | None) -> str | None:
    if runbook is None:
        return None
    found = next((category.value for category, name in RUNBOOKS.items() if name == runbook), None)
    if found is None:
        raise Problem(404, "unknown_runbook", f"no record is a note of {runbook!r}", remedy=", ".join(RUNBOOKS.values()))
    return found


def _line(plan: Plan) -> dict[str, Any]:
    return {
        "plan_id": plan.plan_id,
        "model_id": plan.model_id,
        "model_version": plan.model_version,
        "state": plan.state.value,
        "mode": plan.mode.value,
        "band": plan.band.word,
        "risk_score": plan.risk,
        "actions": [action.value for action in plan.actions],
        "reason": plan.reason,
        "created_at": iso_time(plan.created_at),
        "due_at": None if plan.due_at is None else iso_time(plan.due_at),
    }


def _record(database: Database, plan_id: str) -> dict[str, Any]:
    with database.read() as tx:
        return as_json(_known(tx, plan_id), plans.history_of(tx, plan_id))


def _serving(database: Database) -> dict[str, Any]:
    with database.read() as tx:
        return {"serving": serving.page(tx)}


def _known(tx: Connection, plan_id: str) -> Plan:
    plan = plans.find(tx, plan_id)
    if plan is None:
        raise _unknown(plan_id)
    return plan


def _unknown(plan_id: str) -> Problem:
    return Problem(404, "unknown_plan", f"there is no plan {plan_id!r}", remedy="GET /v1/responses")


def _check_mode(model_id: str, wanted: Wanted, actor: Actor) -> None:
    if model_id == calls.EVERYBODY and wanted.mode not in (Mode.OFF, None):
        raise Problem(422, "invalid_mode", "for all models there is only off, and null to end it", remedy="name a model")
    stops = wanted.mode in (Mode.OFF, Mode.SHADOW)
    if not stops and not actor.may("approver"):
        raise Problem(403, "not_allowed", "only an approver may let automation act again", remedy="ask an approver")


def _modes(database: Database, policy: ResponsePolicy) -> dict[str, Any]:
    with database.read() as tx:
        set_ = {one.model_id: one for one in calls.all_settings(tx)}
        names = sorted({*policy.models, *windows.models(tx), *set_.keys()} - {calls.EVERYBODY})
        bands = windows.bands(tx)
    everybody = set_.get(calls.EVERYBODY, Setting(model_id=calls.EVERYBODY))
    return {
        "policy_version": policy.version,
        "kill_switch": policy.kill_switch or bool(everybody.off_reason),
        "kill_switch_reason": "the policy says so" if policy.kill_switch else everybody.off_reason,
        "models": [_mode(name, policy, set_.get(name, Setting(model_id=name)), bands) for name in names],
    }


def _mode(name: str, policy: ResponsePolicy, own: Setting, bands: dict[str, Band]) -> dict[str, Any]:
    mode = own.mode or policy.of(name).mode
    return {
        "model_id": name,
        "mode": mode.value,
        "acts": mode in _ACTING and not own.off_reason,
        "switched_off": own.off_reason,
        "set_by": own.by,
        "band": bands.get(name, Band.RECORD).word,
    }
