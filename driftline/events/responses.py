"""What the automated response does, and what shall serve."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardVerdict:
    """What one guard said."""

    guard: str
    """Its name."""
    passed: bool
    """Whether the action may go on."""
    reason: str
    """Why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionResult:
    """What became of one action."""

    action: str
    """Its name."""
    status: str
    """pending, success, no_endpoint_found, error, or would_have_done."""
    error: str | None = None
    """What went wrong."""
    idempotency_key: str
    """The same in every repeat of its effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseStep:
    """One step of a plan of the automated response."""

    plan_id: str
    """Plan."""
    sequence: int
    """From 1, per plan."""
    incident_id: str
    """What it answers to."""
    model_id: str
    """Model."""
    model_version: str
    """Model version."""
    step: str
    """assess_monitoring_state, evaluate_risk, decision_matrix, automated_remediation, escalate_to_humans or document_actions."""
    state: str
    """State of the plan after it."""
    mode: str
    """off, shadow, approve or auto."""
    band: str
    """record, remediate, escalate, emergency or pause."""
    category: str
    """feature_drift, performance_degradation or data_quality."""
    risk_score: float
    """0 to 100."""
    confidence: float
    """0 to 1."""
    risk_model_version: str
    """How the risk was evaluated."""
    policy_version: str
    """Policy in force."""
    attempt: int
    """From 1, per incident and actions."""
    guards: tuple[GuardVerdict, ...]
    """Every guard in its order; empty where none was asked."""
    results: tuple[ActionResult, ...]
    """Every action in its order."""
    actor: str
    """Who did it."""
    reason: str
    """Why, in words."""
    details: Mapping[str, str]
    """More, by name."""
    at: int
    """When, microseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingCommand:
    """What shall serve a model; the last revision holds, and a repeat changes nothing."""

    idempotency_key: str
    """The same in every repeat."""
    model_id: str
    """Model."""
    endpoint: str
    """Where it is served, exactly."""
    revision: int
    """From 1, per model."""
    paused: bool
    """No version gets traffic."""
    model_version: str | None = None
    """Version that shall serve; null: as it was deployed."""
    traffic: Mapping[str, float]
    """Share of the traffic by version; empty while paused or as it was deployed."""
    request: str | None = None
    """What is asked of a pipeline beside, such as retrain_model; null: nothing."""
    action: str
    """Action that led to it."""
    plan_id: str
    """Plan that it follows; empty where a person commands."""
    reason: str
    """Why, in words."""
    actor: str
    """Who commands."""
    at: int
    """When, microseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingObserved:
    """What an adapter has put into effect."""

    model_id: str
    """Model."""
    endpoint: str
    """Where it is served."""
    revision: int
    """Last command that is in effect."""
    paused: bool
    """No version gets traffic."""
    traffic: Mapping[str, float]
    """Share of the traffic by version, as served."""
    error: str | None = None
    """Why a later command is not in effect."""
    adapter: str
    """Who says so."""
    at: int
    """When, microseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseModeChanged:
    """What the automated response may do changed."""

    model_id: str
    """Model; * = all of them."""
    from_mode: str
    """off, shadow, approve, auto, or switched_off where automation stopped itself; for all models off, or "" = each as its own."""
    to_mode: str
    """The same, from now on."""
    actor: str
    """Who did it."""
    reason: str
    """Why, in words."""
    at: int
    """When, microseconds."""
