"""The smallest monitor, window report and alert; a test says what it is about."""

from __future__ import annotations

from typing import Any

from driftline.events import AlertFired, ClosedBy, Decision, Monitor, Task, WindowReport


def monitor_of(**changes: Any) -> Monitor:
    """A monitor of model `m` that waits for nothing and checks nothing, since ever; it alarms on its first granularity."""
    values: dict[str, Any] = {
        "model_id": "m",
        "monitor_version": 1,
        "effective_from": -(2**63),
        "task": Task.REGRESSION,
        "columns": (),
        "baseline_id": "b",
        "labels": False,
        "granularities": ("1 day",),
        "lateness_us": 0,
        "idle_timeout_us": 0,
        "max_wait_us": 0,
        "label_delay_us": 0,
        "label_ttl_us": 0,
        "future_skew_us": 0,
        "minimum_n": 1,
        "thresholds": (),
        "weights": {},
        "retired_versions": (),
        "actor": "test",
    }
    values |= changes
    return Monitor(**{"alert_on": values["granularities"][0], **values})


def fired_of(**changes: Any) -> AlertFired:
    """An alert of high priority about drift of version 1 of model `m`."""
    values: dict[str, Any] = {
        "alert_id": "a",
        "group_key": "g",
        "alert_type": "drift_detection",
        "title": "Drift",
        "model_id": "m",
        "model_version": "1",
        "priority": "high",
        "severity": "HIGH",
        "risk_score": 70.0,
        "labels": {},
        "tags": (),
        "channels": (),
        "emoji": "",
        "color": "",
        "runbook_url": "",
        "dashboard_url": "",
        "details": "",
        "affected_segments": (),
        "starts_at": 5,
        "source_event_id": "s",
    }
    return AlertFired(**(values | changes))


def report_of(**changes: Any) -> WindowReport:
    """A window of all rows of version 1 of model `m`, whose inputs were decided when the clock passed it; nothing was measured."""
    values: dict[str, Any] = {
        "model_id": "m",
        "model_version": "1",
        "slice": "",
        "granularity": "1 day",
        "start": 0,
        "end": 86_400_000_000,
        "revision": 1,
        "decision": Decision.INPUTS,
        "closed_by": ClosedBy.WATERMARK,
        "final": False,
        "completeness": 1.0,
        "exact": True,
        "n": 100,
        "labels_in_time": 0,
        "labels_later": 0,
        "monitor_version": 1,
        "baseline_id": "b",
        "layout": "l",
        "profiles_partition": 0,
        "profiles_offset": 0,
        "cells": b"",
        "sums": b"",
        "label_cells": b"",
        "measures": (),
    }
    return WindowReport(**(values | changes))
