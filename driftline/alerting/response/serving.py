"""Desired state of serving: what each action makes of it. Commands say what shall be, so a repeat changes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from driftline.alerting.response.actions import Action
from driftline.events import ServingCommand, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """What shall serve one model."""

    model_id: str
    revision: int = 0
    paused: bool = False
    model_version: str | None = None
    """None: as it was deployed."""
    request: str | None = None

    @property
    def affected(self) -> bool:
        """Whether the response keeps it from what was deployed."""
        return self.paused or self.model_version is not None

    @property
    def traffic(self) -> Mapping[str, float]:
        """Shares by version; empty while paused or as it was deployed."""
        return {} if self.paused or self.model_version is None else {self.model_version: 1.0}


def after(desired: Desired, action: Action, target_version: str | None) -> Desired:
    """The state with an action in it."""
    following = replace(desired, revision=desired.revision + 1, request=None)
    match action:
        case Action.PAUSE_PREDICTIONS:
            return replace(following, paused=True)
        case Action.ROLLBACK_MODEL | Action.USE_BACKUP_MODEL:
            return replace(following, paused=False, model_version=target_version)
        case _:
            return replace(following, request=action.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Who commands what, and why."""

    key: str
    action: str
    endpoint: str
    plan_id: str
    reason: str
    actor: str
    at: int


def command(desired: Desired, order: Order) -> ServingCommand:
    """The command for a desired state."""
    return ServingCommand(
        idempotency_key=order.key,
        model_id=desired.model_id,
        endpoint=order.endpoint,
        revision=desired.revision,
        paused=desired.paused,
        model_version=desired.model_version,
        traffic=desired.traffic,
        request=desired.request,
        action=order.action,
        plan_id=order.plan_id,
        reason=order.reason,
        actor=order.actor,
        at=order.at,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """What governance says of a version."""

    model_version: str
    stage: Stage
    production_since: int | None = None
    """When it last went to production; None: never."""


_GONE = (Stage.ARCHIVED, Stage.DEVELOPMENT)


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions of a model."""

    known: tuple[Registered, ...] = field(default=())

    def last_good(self, but: str) -> str | None:
        """The version to go back to: one that is in production, else the last that was and is neither retired nor sent back."""
        proven = [
            one
            for one in self.known
            if one.model_version != but and one.production_since is not None and one.stage not in _GONE
        ]
        best = max(proven, key=lambda one: (one.stage is Stage.PRODUCTION, one.production_since or 0), default=None)
        return None if best is None else best.model_version
