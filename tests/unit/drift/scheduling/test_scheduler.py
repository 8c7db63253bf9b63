"""Schedules without Kafka."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import driftline
from driftline.drift.scheduling import Scheduler
from driftline.errors import ConfigurationError
from driftline.events import CheckStatus, CheckTrigger, Measure

HOUR = 3_600_000_000
NOW = 1_769_785_200_000_000
"""2026-01-30 15:00 UTC, a Friday."""


def calm(_data):
    return (Measure(family="feature", name="psi", column="amount", value=0.01, limit=0.25),)


def drifted(_data):
    return (Measure(family="feature", name="psi", column="amount", value=0.9, limit=0.25, violated=True),)


def broken(_data):
    raise OSError("the store is away")


def nothing(_model, _start, _end):
    return None


def scheduler(**changes) -> Scheduler:
    return Scheduler(**changes)


def test_models_run_by_schedules_of_their_own():
    plans = scheduler()
    plans.configure("model_prod_v2", "2.1.0", calm, schedule="daily", now=NOW)
    plans.configure("fraud_detector", "2.0.0", calm, schedule="hourly", now=NOW)
    plans.configure("recommendation_engine", "4.2.1", calm, schedule="0 9 * * MON-FRI", now=NOW)
    assert [(one.model_id, ((one.next_run_time() or 0) - NOW) // HOUR) for one in plans.schedule()] == [
        ("fraud_detector", 1),
        ("model_prod_v2", 9),
        ("recommendation_engine", 66),
    ]
    assert plans.run_due(NOW, nothing) == []
    (check,) = plans.run_due(NOW + HOUR, nothing)
    assert (check.model_id, check.model_version, check.trigger, check.due) == (
        "fraud_detector", "2.0.0", CheckTrigger.SCHEDULED, NOW + HOUR,
    )  # fmt: skip
    assert {one.model_id for one in plans.run_due(NOW + 9 * HOUR, nothing)} == {"fraud_detector", "model_prod_v2"}


def test_a_check_that_finds_drift_calls_back_and_counts_columns():
    told, plans = [], scheduler()
    plans.configure("fraud_detector", "2.0.0", drifted, alert=told.append, now=NOW)
    check = plans.run("fraud_detector", None, NOW)
    assert told == [check]
    assert (check.status, check.alert_generated, check.alert_level) == (CheckStatus.COMPLETED, True, "CRITICAL")
    assert check.metrics == {"input_drift_count": 1.0}


def test_what_a_detector_raises_fails_its_check_and_no_other():
    plans = scheduler()
    plans.configure("a", "1", broken, schedule="hourly", now=NOW)
    plans.configure("b", "1", calm, schedule="hourly", now=NOW)
    failed, well = plans.run_due(NOW + HOUR, nothing)
    assert (failed.status, failed.error_message) == (
        CheckStatus.FAILED,
        "OSError: the store is away",
    )
    assert well.status is CheckStatus.COMPLETED


def test_a_check_that_takes_longer_than_300_seconds_has_failed():
    seconds = iter((0.0, 301.0))
    plans = scheduler(stopwatch=lambda: next(seconds))
    plans.configure("m", "1", drifted, now=NOW)
    check = plans.run("m", None, NOW)
    assert (check.status, check.error_message) == (CheckStatus.FAILED, "Drift check timeout after 300 seconds")
    assert (check.duration_ms, check.alert_generated) == (301_000, False)


def test_a_disabled_model_is_skipped_and_has_no_next_run():
    plans = scheduler()
    plans.configure("m", "1", drifted, schedule="hourly", enabled=False, now=NOW)
    (check,) = plans.run_due(NOW + HOUR, nothing)
    assert (check.status, check.duration_ms) == (CheckStatus.SKIPPED, None)
    assert plans.schedule()[0].next_run_time() is None


def test_nothing_that_could_be_decided_is_no_pass():
    plans = scheduler()
    plans.configure("m", "1", lambda _: (), now=NOW)
    assert plans.run("m", None, NOW).status is CheckStatus.SKIPPED


def test_statistics_count_what_was_carried_out():
    plans = scheduler()
    for number, enabled in enumerate((True, True, False)):
        plans.configure(f"m{number}", "1", calm, enabled=enabled, now=NOW)
    plans.configure("by hand", "1", calm, schedule=None, now=NOW)
    for number in range(44):
        plans.configure("m0", "1", drifted if number < 3 else calm, now=NOW)
        plans.run("m0", None, NOW)
    plans.configure("m0", "1", broken, now=NOW)
    plans.run("m0", None, NOW)
    assert dataclasses.asdict(plans.statistics()) == {
        "total_models_configured": 3,
        "total_models_enabled": 2,
        "total_executions": 45,
        "successful_executions": 44,
        "failed_executions": 1,
        "skipped_executions": 0,
        "alerts_generated": 3,
        "success_rate": 97.8,
    }
    assert scheduler().statistics().success_rate is None


def test_history_is_the_latest_fifty_by_model_and_status():
    plans = scheduler()
    for name in ("a", "b"):
        plans.configure(name, "1", calm, now=NOW)
        for hour in range(40):
            plans.run(name, None, NOW + hour * HOUR)
    assert len(plans.history()) == 50
    assert [check.model_id for check in plans.history(limit=41)] == ["b"] * 40 + ["a"]
    assert plans.history("a", CheckStatus.COMPLETED, 1)[0].due == NOW + 39 * HOUR
    assert plans.history(status=CheckStatus.FAILED) == []
    assert len({check.check_id for check in plans.history(limit=80)}) == 80


def test_only_a_bounded_number_is_remembered():
    plans = scheduler(kept=5)
    plans.configure("m", "1", calm, now=NOW)
    for _ in range(9):
        plans.run("m", None, NOW)
    assert plans.statistics().total_executions == 5


def test_a_callback_that_is_no_function_and_a_schedule_that_cannot_be_read_are_refused():
    address: Any = "https://example.com"
    with pytest.raises(TypeError, match="alert must be a function"):
        scheduler().configure("m", "1", calm, alert=address, now=NOW)
    with pytest.raises(ValueError, match="hourly, daily, weekly"):
        scheduler().configure("m", "1", calm, schedule="often", now=NOW)
    with pytest.raises(KeyError):
        scheduler().run("m", None, NOW)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 5 * HOUR), min_size=1, max_size=30), st.sampled_from(["hourly", "*/20 * * * *", "daily"]))
def test_ranges_follow_each_other_however_often_it_is_called(waits, schedule):
    plans, ranges, now = scheduler(), [], NOW
    plans.configure("m", "1", calm, schedule=schedule, now=NOW)
    for wait in waits:
        now += wait
        plans.run_due(now, lambda _model, start, end: ranges.append((start, end)))
    assert [start for start, _ in ranges] == [NOW, *(end for _, end in ranges)][: len(ranges)]
    assert all(start < end for start, end in ranges)
    assert all(not planned.due(now) for planned in plans.schedule())


def test_a_detector_of_frames_checks_features_against_a_reference():
    reference = {
        "transaction_amount": [float(n % 997) for n in range(5000)],
        "days_since_acct_open": [float(n % 365) for n in range(5000)],
    }
    moved = reference | {"transaction_amount": [3.0 * n for n in reference["transaction_amount"]]}
    plans = scheduler()
    plans.configure("fraud_detector", "2.0.0", driftline.detector(reference, limits={"psi": 0.25}), now=NOW)
    assert plans.run("fraud_detector", reference, NOW).alert_level == "NORMAL"
    found = plans.run("fraud_detector", moved, NOW)
    assert (found.metrics["input_drift_count"], found.failing[0].column) == (1.0, "transaction_amount")
    only = driftline.detector(reference, columns=["days_since_acct_open"])
    assert not any(measure.violated for measure in only(moved))
    with pytest.raises(ConfigurationError, match="no column nobody"):
        driftline.detector(reference, columns=["nobody"])
    with pytest.raises(ConfigurationError, match="no measure nothing"):
        driftline.detector(reference, limits={"nothing": 1.0})
