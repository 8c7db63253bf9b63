"""The part of a definition that says when a model is checked besides its windows."""

from __future__ import annotations

from dataclasses import dataclass

from driftline.governance.fields import Fields
from driftline.governance.periods import DAY_US, SECOND_US, parse_duration

__all__ = ["Checking", "checking"]

KEYS = ("schedule", "enabled", "timeout")
DEFAULT_TIMEOUT_US = 300 * SECOND_US


@dataclass(frozen=True, slots=True)
class Checking:
    """A schedule as it was written; whether it can be read says who knows schedules (`policy.Dialect.faults`)."""

    schedule: str = ""
    enabled: bool = True
    timeout_us: int = DEFAULT_TIMEOUT_US


def checking(fields: Fields) -> Checking:
    """Read `check`: a schedule (hourly, daily, weekly, five fields of cron, none), or a mapping with `schedule`, `enabled`, `timeout`."""
    if not fields.is_mapping("check"):
        return Checking(_schedule(fields.text("check")))
    section = fields.section("check")
    section.refuse_unknown(KEYS)
    if "schedule" not in section:
        fields.problem("check", "schedule is missing; write hourly, daily, weekly or five fields of cron")
    timeout = section.parsed("timeout", DEFAULT_TIMEOUT_US, parse_duration)
    if not SECOND_US <= timeout <= DAY_US:
        section.problem("timeout", "is from 1 second to 1 day")
    return Checking(_schedule(section.text("schedule")), section.flag("enabled", default=True), timeout)


def _schedule(text: str | None) -> str:
    return "" if text is None or text == "none" else " ".join(text.split())
