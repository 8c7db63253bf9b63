"""Windows, facts and situations for the tests of the response."""

from dataclasses import replace
from typing import Any

from driftline.alerting.response.actions import Action, Category
from driftline.alerting.response.evidence import Observation, Standing, assess
from driftline.alerting.response.guards import Situation
from driftline.alerting.response.policy import Mode, ModelPolicy, ResponsePolicy
from driftline.events import ClosedBy, Decision, Measure, WindowReport

DAY = 86_400_000_000
HOUR = 3_600_000_000
MODEL = "nyc.flights.delay"


def window(day: int = 10, **changes: Any) -> Observation:
    """The window of a day."""
    values: dict[str, Any] = {
        "model_id": MODEL,
        "model_version": "2",
        "granularity": "1 day",
        "start": day * DAY,
        "end": (day + 1) * DAY,
        "labelled": False,
        "risk": 45.0,
        "n": 900,
        "confidence": 1.0,
        "category": Category.FEATURE_DRIFT,
        "detectors": ("feature:temp",),
        "feature_psi": {},
        "business": {},
        "performance": {},
        "performance_limits": {},
        "learnt_at": 100 * DAY,
    }
    return Observation(**{**values, **changes})


def windows(*risks: float, **changes: Any) -> list[Observation]:
    """Days in a row with these risks."""
    return [window(10 + number, risk=risk, **changes) for number, risk in enumerate(risks)]


def policy(mode: Mode = Mode.AUTO, **changes: Any) -> ResponsePolicy:
    """For one model that has an endpoint."""
    return ResponsePolicy(version="7", models={MODEL: replace(ModelPolicy(mode=mode, endpoint="flights-delay"), **changes)})


def situation(
    *actions: Action, of: ResponsePolicy | None = None, seen: list[Observation] | None = None, **changes: Any
) -> Situation:
    """Nothing speaks against it."""
    seen = seen or windows(95.0, 95.0)
    rules = of or policy()
    values: dict[str, Any] = {
        "now": 100 * DAY + HOUR,
        "policy": rules,
        "mode": rules.of(MODEL).mode,
        "actions": actions or (Action.RETRAIN_MODEL,),
        "assessment": assess(seen, Standing(), rules.of(MODEL)),
        "newest_end": seen[-1].end,
        "last_good": "1",
    }
    return Situation(**{**values, **changes})


def report(**changes: Any) -> WindowReport:
    """A decided window as the drift service tells it."""
    values: dict[str, Any] = {
        "model_id": MODEL,
        "model_version": "2",
        "slice": "",
        "granularity": "1 day",
        "start": 10 * DAY,
        "end": 11 * DAY,
        "revision": 1,
        "decision": Decision.INPUTS,
        "closed_by": ClosedBy.WATERMARK,
        "final": False,
        "completeness": 1.0,
        "exact": True,
        "n": 900,
        "labels_in_time": 0,
        "labels_later": 0,
        "monitor_version": 1,
        "baseline_id": "b",
        "layout": "l",
        "profiles_partition": 0,
        "profiles_offset": 1,
        "cells": b"",
        "sums": b"",
        "label_cells": b"",
        "measures": (Measure(family="feature", name="psi", column="temp", value=0.3, limit=0.25, violated=True),),
        "risk_score": 45.0,
        "severity": "MEDIUM",
    }
    return WindowReport(**{**values, **changes})
