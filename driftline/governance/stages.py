"""The life of a model version: DEVELOPMENT, STAGING, PRODUCTION, ARCHIVED, and which steps between them there are."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from driftline.events import Stage

FIRST = Stage.DEVELOPMENT
"""Where a version begins when it is registered."""

STEPS: Mapping[Stage, Mapping[Stage, str]] = MappingProxyType(
    {
        Stage.DEVELOPMENT: {Stage.STAGING: "to be tested", Stage.ARCHIVED: "abandoned"},
        Stage.STAGING: {
            Stage.PRODUCTION: "to serve",
            Stage.DEVELOPMENT: "sent back to be mended",
            Stage.ARCHIVED: "abandoned",
        },
        Stage.PRODUCTION: {Stage.STAGING: "taken out of service", Stage.ARCHIVED: "retired"},
        Stage.ARCHIVED: {Stage.STAGING: "restored, to be tested again"},
    }
)
"""Every step that exists, with what it means."""


class Verdict(Enum):
    """Why a step may or may not be taken."""

    ALLOWED = "allowed"
    ALREADY_THERE = "already there"
    NO_SUCH_STEP = "no such step"
    NO_REASON = "no reason given"
    NOT_MONITORED = "not monitored"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict on a step and, in words, why and what to do."""

    verdict: Verdict
    detail: str

    @property
    def allowed(self) -> bool:
        """Whether the step may be taken."""
        return self.verdict is Verdict.ALLOWED


def judge(from_stage: Stage, to_stage: Stage, *, reason: str, monitored: bool) -> Judgement:
    """Judge one step of a version. `monitored`: the model has a monitor, without which nothing goes to production."""
    if from_stage is to_stage:
        return Judgement(Verdict.ALREADY_THERE, f"it is in {to_stage} already")
    if to_stage not in STEPS[from_stage]:
        ways = ", ".join(STEPS[from_stage])
        return Judgement(Verdict.NO_SUCH_STEP, f"from {from_stage} a version goes to {ways}, not to {to_stage}")
    if not reason.strip():
        return Judgement(Verdict.NO_REASON, "say why; the reason is kept with the change")
    if to_stage is Stage.PRODUCTION and not monitored:
        detail = "a version in production is watched: apply a monitor first (`driftline monitor apply -f FILE`)"
        return Judgement(Verdict.NOT_MONITORED, detail)
    return Judgement(Verdict.ALLOWED, STEPS[from_stage][to_stage])
