"""The registry of models over HTTP."""

import asyncio
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field

from driftline.events import ModelRegistered, ModelVersionRegistered, Stage, StageChanged
from driftline.governance.errors import NotFound
from driftline.governance.registry import RegistryEvent, change_stage, check_id, register_model, register_version
from driftline.runtime.tokens import Actor
from services.governance.adapters.journal import Proposal
from services.governance.api.desk import CHANGERS, READERS, Counter
from services.governance.api.views import View, model_view
from services.governance.store import Store

Tags = dict[Annotated[str, Field(min_length=1, max_length=128)], Annotated[str, Field(max_length=1024)]]
Sentence = Annotated[str, Field(max_length=4096)]


class ModelDescription(BaseModel):
    """What is said of a model."""

    model_config = ConfigDict(extra="forbid")

    description: Sentence = ""
    owner: Sentence = ""
    tags: Tags = {}


class VersionDescription(BaseModel):
    """What is said of a version."""

    model_config = ConfigDict(extra="forbid")

    description: Sentence = ""
    artifact_digest: str | None = None
    tags: Tags = {}


class Step(BaseModel):
    """A wanted change of stage."""

    model_config = ConfigDict(extra="forbid")

    to: Stage
    reason: Sentence
    expected: Stage | None = None


def routes(counter: Counter) -> APIRouter:
    """The routes below /v1/models."""
    router = APIRouter(prefix="/v1/models", tags=["models"])
    readers = [Depends(counter.access.require(*READERS))]
    changer = Depends(counter.access.require(*CHANGERS))

    @router.get("", summary="Every registered model", dependencies=readers)
    def list_models() -> list[View]:
        return [model_view(model) for model in counter.store.models().values()]

    @router.get("/{model_id:path}", summary="One model with its versions and their history", dependencies=readers)
    def show_model(model_id: str) -> View:
        return _view(counter.store, model_id)

    @router.post("/{model_id:path}/versions/{model_version:path}/stage", summary="Move a version to another stage")
    async def post_stage(
        model_id: str, model_version: str, step: Step, response: Response, actor: Annotated[Actor, changer]
    ) -> View:
        event = _step_to(step, model_id, model_version, actor.name, counter.clock.now_us())

        def decide(store: Store) -> StageChanged | None:
            monitored = store.current_monitor(model_id) is not None
            return change_stage(store.model(model_id), event, expected_stage=step.expected, monitored=monitored)

        return await _changed(counter, response, model_id, actor.name, decide)

    @router.put("/{model_id:path}/versions/{model_version:path}", summary="Register a version")
    async def put_version(
        model_id: str, model_version: str, wanted: VersionDescription, response: Response, actor: Annotated[Actor, changer]
    ) -> View:
        event = ModelVersionRegistered(
            model_id=model_id, model_version=model_version, actor=actor.name, at=counter.clock.now_us(), **wanted.model_dump()
        )
        return await _changed(
            counter, response, model_id, actor.name, lambda store: register_version(store.model(model_id), event)
        )

    @router.put("/{model_id:path}", summary="Register a model, or describe it anew")
    async def put_model(model_id: str, wanted: ModelDescription, response: Response, actor: Annotated[Actor, changer]) -> View:
        event = ModelRegistered(model_id=model_id, actor=actor.name, at=counter.clock.now_us(), **wanted.model_dump())
        return await _changed(
            counter, response, model_id, actor.name, lambda store: register_model(store.model(model_id), event)
        )

    return router


def _step_to(step: Step, model_id: str, model_version: str, actor: str, now: int) -> StageChanged:
    """The step as it is wanted; where the version stands before it is for the registry to say."""
    return StageChanged(
        model_id=model_id,
        model_version=model_version,
        from_stage=step.to,
        to_stage=step.to,
        reason=step.reason,
        actor=actor,
        at=now,
    )


async def _changed(
    counter: Counter, response: Response, model_id: str, actor: str, decide: Callable[[Store], RegistryEvent | None]
) -> View:
    """201 and the model where something changed, 200 where everything is so already."""

    def propose(store: Store) -> Proposal[bool]:
        check_id(model_id, "model_id")
        event = decide(store)
        return Proposal(() if event is None else (event,), event is not None)

    written = await asyncio.wrap_future(counter.desk.change(propose, actor))
    response.status_code = 201 if written else 200
    return _view(counter.store, model_id)


def _view(store: Store, model_id: str) -> View:
    model = store.model(model_id)
    if model is None:
        raise NotFound(f"no model {model_id!r} is registered; register it with `driftline model register`")
    return model_view(model)
