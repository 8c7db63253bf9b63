"""The versions of a monitor: what applying a definition does, from when it holds, and what became of it.

Governance is the only writer of monitors. `plan` decides under its lock; nothing here reads a clock or a topic.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from math import lcm

from driftline.events import Monitor, MonitorState, MonitorStatus
from driftline.governance.definition import Definition
from driftline.governance.errors import Conflict, DefinitionRefused, Problem
from driftline.governance.periods import MINUTE_US, next_boundary, pane_length

SINCE_EVER = -(1 << 63)
"""Beginning of event time: from when the first monitor of a model holds."""

ACKNOWLEDGE_WITHIN_US = 30 * MINUTE_US
"""A version that no evaluator has acknowledged for this long counts as failed."""


class Outcome(Enum):
    """What applying a definition comes to."""

    CREATED = "created"
    """The model had no monitor."""
    CHANGED = "changed"
    """A new version begins."""
    UNCHANGED = "unchanged"
    """The present version says the same already; nothing is written."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do with a definition: `monitor` is to be written, or is the one already in force if UNCHANGED."""

    outcome: Outcome
    monitor: Monitor


def plan(definition: Definition, *, current: Monitor | None, expected_version: int | None, watermark: int | None) -> Plan:
    """Decide what applying `definition` means while `current` is the latest version.

    `expected_version`: the version that the caller saw, 0 = none, None = whichever there is. `watermark`: the W(m) last
    reported by the evaluator, None = none yet. The same definition a second time is UNCHANGED, whatever was expected: it is the
    repeat of a request whose answer was lost. Raises Conflict if somebody else was faster, DefinitionRefused if the wanted
    `effective_from` cannot be had.
    """
    version = current.monitor_version if current else 0
    if current is not None and _says_the_same(definition, current):
        return Plan(Outcome.UNCHANGED, current)
    if expected_version is not None and expected_version != version:
        seen = f"version {version} is in force" if version else "it has no monitor"
        raise Conflict(
            f"you expected version {expected_version} of the monitor of {definition.monitor.model_id!r}, but {seen}; "
            "look at it again, then apply with its number"
        )
    begins = _effective_from(definition, current, watermark)
    monitor = replace(definition.monitor, monitor_version=version + 1, effective_from=begins)
    return Plan(Outcome.CHANGED if current else Outcome.CREATED, monitor)


def _says_the_same(definition: Definition, current: Monitor) -> bool:
    wanted = current.effective_from if definition.effective_from is None else definition.effective_from
    return current == replace(
        definition.monitor, monitor_version=current.monitor_version, effective_from=wanted, actor=current.actor
    )


def _effective_from(definition: Definition, current: Monitor | None, watermark: int | None) -> int:
    wanted, monitor = definition.effective_from, definition.monitor
    if current is None:
        return SINCE_EVER if wanted is None else wanted
    pane = lcm(
        pane_length(monitor),
        pane_length(current),
    )
    earliest = current.effective_from if watermark is None else next_boundary(watermark, pane)
    if wanted is None:
        return earliest
    if wanted < earliest:
        detail = f"lies before {earliest} us, up to which windows are decided already; leave it out or take a later time"
        raise DefinitionRefused([Problem("effective_from", detail)])
    if wanted % pane:
        detail = f"must lie on a pane boundary, a multiple of {pane // MINUTE_US} min"
        raise DefinitionRefused([Problem("effective_from", detail)])
    return wanted


@dataclass(frozen=True, slots=True)
class Standing:
    """What became of a monitor version, for people."""

    state: MonitorState
    reason: str


def standing(monitor_version: int, *, applied_at: int, reports: Sequence[MonitorStatus], now: int) -> Standing:
    """State of a version: what the evaluator said last of it, else PENDING, and FAILED after 30 minutes without a word.

    `applied_at`: append time of the version's record; `reports`: what the evaluator said of this model, in order.
    """
    said = [report for report in reports if report.monitor_version == monitor_version]
    if said:
        return Standing(said[-1].status, said[-1].reason)
    if now - applied_at < ACKNOWLEDGE_WITHIN_US:
        return Standing(MonitorState.PENDING, "no evaluator has acknowledged it yet")
    return Standing(
        MonitorState.FAILED,
        "no evaluator has acknowledged it within 30 minutes; see that the drift service runs with its evaluate stage",
    )
