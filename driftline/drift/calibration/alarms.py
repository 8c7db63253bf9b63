"""An alarm and its reason, for programs and for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from driftline.drift.calibration.names import RateName
from driftline.events import Measure

__all__ = ["LASTING_SHIFT", "Alarm", "Reason", "alarms_of"]

LASTING_SHIFT = "lasting_shift"
"""Measure: the share of the rows of late in the cells where windows had too many, against the largest share that is tolerated."""


class Reason(StrEnum):
    """Why a measure alarms."""

    LIMIT = "LIMIT"
    """It broke a stated limit."""
    SHIFT = "SHIFT"
    """The column's distribution is surely further from the baseline than tolerated."""
    RATE = "RATE"
    """The evidence that a rate is beyond what is tolerated has become overwhelming in this window."""
    LASTING = "LASTING"
    """A rate that alarmed before has not come back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One alarming measure."""

    family: str
    column: str | None
    measure: str
    reason: Reason
    words: str
    """One sentence for people."""


def alarms_of(
    measures: Sequence[Measure], *, tau: float = 0.0, rates: Mapping[RateName, Reason], tested: frozenset[tuple[str, str]]
) -> tuple[Alarm, ...]:
    """Return an alarm for every violated measure, in the order family, column, measure.

    `tested` are the (family, column) whose psi was tested against `tau`, `rates` the rates in alarm; the rest broke limits.
    """
    return tuple(sorted((_alarm(one, tau, rates, tested) for one in measures if one.violated), key=_place))


def _alarm(measure: Measure, tau: float, rates: Mapping[RateName, Reason], tested: frozenset[tuple[str, str]]) -> Alarm:
    name = RateName(measure.family, measure.name, measure.column or "")
    if name in rates and measure.name == LASTING_SHIFT:
        reason, words = rates[name], _lasting_words(measure)
    elif name in rates:
        reason = rates[name]
        words = _rate_words(measure, lasting=reason is Reason.LASTING)
    elif measure.name == "psi" and (measure.family, measure.column) in tested:
        reason, words = Reason.SHIFT, _shift_words(measure, tau)
    else:
        reason, words = Reason.LIMIT, _limit_words(measure)
    return Alarm(family=measure.family, column=measure.column, measure=measure.name, reason=reason, words=words)


def _place(alarm: Alarm) -> tuple[str, str, str]:
    return (alarm.family, alarm.column or "", alarm.measure)


def _shift_words(measure: Measure, tau: float) -> str:
    return (
        f"{measure.column}: PSI {measure.value or 0:.3g}; with so many rows, more than {measure.limit or 0:.3g} is surely more "
        f"than the {tau:g} that is tolerated (p = {measure.p_value or 0:.2g})."
    )


def _rate_words(measure: Measure, *, lasting: bool) -> str:
    state_of_it = "is still" if lasting else "is"
    return f"{measure.column}: {measure.name} {state_of_it} beyond the {measure.limit or 0:.3g} that is tolerated ({measure.value or 0:.3g} in this window)."


def _lasting_words(measure: Measure) -> str:
    return (
        f"{measure.column}: {measure.value or 0:.0%} of the rows of late lie where the baseline and what is tolerated allow at most "
        f"{measure.limit or 0:.0%}; the windows prove it together, whatever each of them can show."
    )


def _limit_words(measure: Measure) -> str:
    where = f"{measure.column}: " if measure.column else ""
    return f"{where}{measure.name} {measure.value or 0:.4g} breaks its limit of {measure.limit or 0:.4g}."
