"""What stays of a plan: one record for people (Markdown) and for machines (JSON), a function of the plan and its history."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from driftline.alerting.response.actions import Category
from driftline.alerting.response.plan import Plan

RUNBOOKS = {
    Category.FEATURE_DRIFT: "drift-runbook",
    Category.PERFORMANCE_DEGRADATION: "performance-runbook",
    Category.DATA_QUALITY: "data-quality-runbook",
}
"""The runbook that a record is a note of; the notes of a runbook are the records of its category."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One step as it was recorded."""

    at: int
    step: str
    state: str
    actor: str
    reason: str


def as_json(plan: Plan, history: Sequence[Line]) -> dict[str, Any]:
    """Everything about a plan."""
    return {
        "plan_id": plan.plan_id,
        "incident_id": plan.incident_id,
        "model_id": plan.model_id,
        "model_version": plan.model_version,
        "state": plan.state.value,
        "reason": plan.reason,
        "mode": plan.mode.value,
        "band": plan.band.word,
        "category": plan.category.value,
        "risk_score": plan.risk,
        "confidence": plan.confidence,
        "policy_version": plan.policy_version,
        "attempt": plan.attempt,
        "actions": [action.value for action in plan.actions],
        "target_version": plan.target_version,
        "endpoint": plan.endpoint,
        "requested_by": plan.requested_by,
        "approved_by": plan.approved_by,
        "created_at": _moment(plan.created_at),
        "executed_at": _moment(plan.executed_at),
        "due_at": _moment(plan.due_at),
        "evidence": dict(plan.evidence),
        "guards": [{"guard": one.guard, "passed": one.passed, "reason": one.reason} for one in plan.guards],
        "results": [
            {"action": one.action, "status": one.status, "error": one.error, "idempotency_key": one.idempotency_key}
            for one in plan.results
        ],
        "runbook": RUNBOOKS[plan.category],
        "history": [
            {"at": _moment(line.at), "step": line.step, "state": line.state, "by": line.actor, "reason": line.reason}
            for line in history
        ],
    }


def digest(plan: Plan, history: Sequence[Line]) -> str:
    """SHA-256 of the record."""
    return hashlib.sha256(json.dumps(as_json(plan, history), sort_keys=True).encode()).hexdigest()


def as_markdown(plan: Plan, history: Sequence[Line]) -> str:
    """The same for people; texts from outside cannot break the tables."""
    found = as_json(plan, history)
    facts = ("state", "reason", "mode", "band", "category", "risk_score", "confidence", "attempt", "policy_version")
    more = ("target_version", "endpoint", "requested_by", "approved_by", "created_at", "executed_at", "runbook")
    parts = [
        f"# Response {plan.plan_id}: {', '.join(found['actions'])}",
        f"{_safe(plan.model_id)} {_safe(plan.model_version)}, incident {plan.incident_id}.",
        _table(("", ""), [(name, found[name]) for name in (*facts, *more) if found[name] not in (None, "")]),
        "## Evidence",
        _table(("", ""), list(found["evidence"].items())),
        "## Guards",
        _table(
            ("guard", "verdict", "reason"),
            [(g["guard"], "passed" if g["passed"] else "held", g["reason"]) for g in found["guards"]],
        ),
        "## Actions",
        _table(("action", "status", "error"), [(r["action"], r["status"], r["error"] or "") for r in found["results"]]),
        "## History",
        _table(("at", "step", "state", "by", "reason"), [tuple(line.values()) for line in found["history"]]),
    ]
    return "\n\n".join(parts) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(_safe(str(cell)) for cell in line)} |" for line in lines)


def _safe(text: str) -> str:
    """In a cell of a table; no line ends, bars or markup of others."""
    escaped = "".join(f"\\{sign}" if sign in "\\|`*_[]<>" else sign for sign in text)
    return " ".join(escaped.split())


def _moment(at: int | None) -> str | None:
    if at is None:
        return None
    return (
        (datetime.fromtimestamp(0, UTC) + timedelta(microseconds=at)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )
