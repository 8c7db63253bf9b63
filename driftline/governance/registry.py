"""The registry of models and versions as a fold over the events of the topic `governance`, and the events that requests lead to."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from driftline.events import ModelRegistered, ModelVersionRegistered, Stage, StageChanged
from driftline.governance.errors import Conflict, DefinitionRefused, NotFound, Problem
from driftline.governance.stages import FIRST, Verdict, judge

RegistryEvent = ModelRegistered | ModelVersionRegistered | StageChanged

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_ID_BYTES = 128
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a model as it stands now."""

    registered: ModelVersionRegistered
    stage: Stage = FIRST
    history: tuple[StageChanged, ...] = ()


@dataclass(frozen=True, slots=True)
class Model:
    """A model as it stands now; versions in the order of registration."""

    registered: ModelRegistered
    created_at: int
    versions: Mapping[str, Version] = field(default_factory=dict)


def check_id(text: str, what: str) -> str:
    """Return an id that can be used: 1 to 128 bytes of UTF-8 without control characters; raises DefinitionRefused."""
    if not text.strip() or len(text.encode("utf-8", "surrogatepass")) > _ID_BYTES or _CONTROL.search(text):
        raise DefinitionRefused([Problem(what, f"must be 1 to {_ID_BYTES} bytes of UTF-8 without control characters")])
    return text


def namespace(model_id: str) -> str:
    """Tenant of a model: the part of its id before the last dot, "" if there is none."""
    return model_id.rpartition(".")[0]


def short_name(model_id: str) -> str:
    """What people call a model: the part of its id after the last dot."""
    return model_id.rpartition(".")[2]


def fold(model: Model | None, event: RegistryEvent) -> Model:
    """The model after an event. An event of an unknown model or version (its beginning fell out of retention) makes a stub of it."""
    if isinstance(event, ModelRegistered):
        return replace(model, registered=event) if model else Model(event, event.at)
    model = model or Model(
        ModelRegistered(model_id=event.model_id, description="", owner="", tags={}, actor=event.actor, at=event.at), event.at
    )
    known = model.versions.get(event.model_version)
    if isinstance(event, ModelVersionRegistered):
        version = replace(known, registered=event) if known else Version(event)
    else:
        stub = Version(
            ModelVersionRegistered(
                model_id=event.model_id,
                model_version=event.model_version,
                description="",
                tags={},
                actor=event.actor,
                at=event.at,
            )
        )
        version = known or stub
        version = replace(version, stage=event.to_stage, history=(*version.history, event))
    return replace(model, versions={**model.versions, event.model_version: version})


def register_model(model: Model | None, wanted: ModelRegistered) -> ModelRegistered | None:
    """The event that registering (or describing anew) leads to, None if nothing changes."""
    check_id(wanted.model_id, "model_id")
    if model and replace(model.registered, actor=wanted.actor, at=wanted.at) == wanted:
        return None
    return wanted


def register_version(model: Model | None, wanted: ModelVersionRegistered) -> ModelVersionRegistered | None:
    """The event that registering a version leads to, None if it is registered so already.

    Raises NotFound for an unknown model, Conflict where the version exists with another artifact: a version is one artifact.
    """
    check_id(wanted.model_version, "model_version")
    if model is None:
        raise NotFound(f"no model {wanted.model_id!r} is registered; register it first (`driftline model register`)")
    if wanted.artifact_digest is not None and not _DIGEST.match(wanted.artifact_digest):
        raise DefinitionRefused([Problem("artifact_digest", "must be a SHA-256 in 64 lower-case hex digits")])
    known = model.versions.get(wanted.model_version)
    if known is None:
        return wanted
    before = known.registered.artifact_digest
    if before is not None and wanted.artifact_digest != before:
        raise Conflict(
            f"version {wanted.model_version!r} is registered with the artifact {before}; register a new version instead"
        )
    if replace(known.registered, actor=wanted.actor, at=wanted.at) == wanted:
        return None
    return wanted


def change_stage(
    model: Model | None, wanted: StageChanged, *, expected_stage: Stage | None, monitored: bool
) -> StageChanged | None:
    """The event that a wanted step leads to, None if the version is there already (`from_stage` of `wanted` is not looked at).

    `expected_stage`: where the caller believes the version to be, None = wherever. Raises NotFound, or Conflict with the reason
    why the step cannot be taken.
    """
    version = model.versions.get(wanted.model_version) if model else None
    if version is None:
        raise NotFound(
            f"no version {wanted.model_version!r} of {wanted.model_id!r} is registered; "
            "register it first (`driftline model version`)"
        )
    judgement = judge(version.stage, wanted.to_stage, reason=wanted.reason, monitored=monitored)
    if judgement.verdict is Verdict.ALREADY_THERE:
        return None
    if expected_stage is not None and expected_stage is not version.stage:
        raise Conflict(f"you expected it in {expected_stage}, but it is in {version.stage}; look again, then decide")
    if not judgement.allowed:
        raise Conflict(judgement.detail)
    return replace(wanted, from_stage=version.stage)
