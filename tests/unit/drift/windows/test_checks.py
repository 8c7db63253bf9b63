"""Scheduled checks and those that somebody asked for."""

from __future__ import annotations

import pytest

from driftline.drift.windows import key_bytes, key_of, restore, take_changes
from driftline.drift.windows.evaluate import Evaluator
from driftline.events import (
    CheckExecution,
    CheckRequested,
    CheckStatus,
    CheckTrigger,
    Direction,
    DriftDetected,
    Group,
    HealthCleared,
    HealthOpened,
    Threshold,
    WindowReport,
)
from tests.unit.drift.windows.building import DAY, HOUR, MINUTE, MONITOR, NOW, SECOND, START, Feed, book_of, change, feed

HOURLY = change(MONITOR, check_schedule="hourly", labels=False, granularities=("1 hour", "1 day"))
CALM, MOVED = {"AA": 500, "UA": 500}, {"AA": 990, "UA": 10}


def ended(stream: Feed) -> list[CheckExecution]:
    return [check for check in stream.told(CheckExecution) if check.status is not CheckStatus.RUNNING]


def ask(stream: Feed, start: int, end: int, request_id="r", **more):
    request = CheckRequested(request_id=request_id, model_id="m", start=start, end=end, actor="ada", at=stream.now, **more)
    stream.send(request)


def restart(stream: Feed) -> None:
    """Go on from what is on `states`."""
    for key, body in take_changes(stream.evaluator.state):
        stream.kept[key_bytes(key)] = body
    found = ((key_of(key), body) for key, body in stream.kept.items() if body is not None)
    old = stream.evaluator
    state = restore(found, old._rules.layout)
    sources = {group: [(source.topic, source.partition) for source in of] for group, of in old._sources.items()}
    stream.evaluator = Evaluator(0, sources, old._rules, state=state)


def test_a_point_is_checked_when_the_clock_has_passed_it():
    stream = feed(HOURLY)
    stream.rows(START + 10 * MINUTE, CALM)
    stream.rows(START + HOUR + 4 * MINUTE, MOVED)
    assert stream.told(CheckExecution) == []
    stream.rows(START + HOUR + 6 * MINUTE, MOVED)
    (check,) = ended(stream)
    assert (check.status, check.trigger, check.due, check.start, check.end) == (
        CheckStatus.COMPLETED, CheckTrigger.SCHEDULED, START + HOUR, START, START + HOUR,
    )  # fmt: skip
    assert (check.n, check.alert_generated, check.alert_level, check.model_version) == (1000, False, "NORMAL", "1")
    assert check.metrics["input_drift_count"] == 0


def test_a_check_finds_what_a_window_of_the_same_rows_finds():
    stream = feed(HOURLY)
    stream.rows(START, MOVED)
    stream.mark(START + 2 * HOUR)
    (check, *_) = ended(stream)
    report = next(one for one in stream.told(WindowReport) if one.granularity == "1 hour")
    assert (check.n, check.risk_score) == (report.n, report.risk_score)
    assert (check.alert_generated, check.alert_level, check.metrics["input_drift_count"]) == (True, "CRITICAL", 1)
    (worst,) = check.failing
    assert worst.value == next(one.value for one in report.measures if one.violated)


def test_checks_open_no_episode_of_their_own():
    with_checks, without = feed(HOURLY), feed(change(HOURLY, check_schedule=""))
    for stream in (with_checks, without):
        for hour in range(6):
            stream.rows(START + hour * HOUR, MOVED)
    assert len(ended(with_checks)) > 3
    assert with_checks.told(DriftDetected) == without.told(DriftDetected)
    assert [r.measures for r in with_checks.told(WindowReport)] == [r.measures for r in without.told(WindowReport)]


def test_every_point_is_checked_once_even_where_many_pass_at_once():
    stream = feed(HOURLY)
    for hour in range(5):
        stream.rows(START + hour * HOUR, CALM, partition=0, caught_up=False)
    stream.mark(START + 5 * HOUR + 10 * MINUTE)
    checks = ended(stream)
    assert [check.due for check in checks] == [START + hour * HOUR for hour in range(1, 6)]
    assert len({check.check_id for check in checks}) == 5
    assert sum(check.n for check in checks) == 5000


def test_a_stretch_without_rows_is_one_skipped_check():
    stream = feed(HOURLY)
    stream.rows(START, CALM)
    stream.rows(START + 1000 * HOUR, CALM)
    stream.mark(START + 1002 * HOUR - MINUTE)
    first, nothing, still_nothing, last = ended(stream)
    assert (first.status, nothing.status, last.status) == (
        CheckStatus.COMPLETED, CheckStatus.SKIPPED, CheckStatus.COMPLETED,
    )  # fmt: skip
    assert (nothing.start, nothing.end, nothing.n, nothing.model_version) == (START + HOUR, START + 999 * HOUR, 0, "")
    assert (still_nothing.start, still_nothing.end) == (START + 999 * HOUR, START + 1000 * HOUR)  # the clock stood before it
    assert "no rows" in (nothing.error_message or "")
    assert last.due == START + 1001 * HOUR


def test_a_daily_check_begins_at_midnight_of_the_zone():
    daily = change(HOURLY, check_schedule="daily", time_zone="America/New_York", granularities=("1 hour", "1 day"))
    stream = feed(daily)
    for hour in range(36):
        stream.rows(START + hour * HOUR, CALM)
    stream.mark(START + 40 * HOUR)
    first, second = ended(stream)
    assert (first.due, second.due) == (START + 5 * HOUR, START + 29 * HOUR)
    assert (first.n, second.n) == (5000, 24_000)


def test_a_disabled_schedule_is_skipped_and_says_so():
    stream = feed(change(HOURLY, check_enabled=False))
    stream.rows(START, MOVED)
    stream.rows(START + HOUR + 10 * MINUTE, MOVED)
    (check,) = ended(stream)
    assert (check.status, check.alert_generated, check.duration_ms) == (CheckStatus.SKIPPED, False, None)
    assert "disabled" in (check.error_message or "")


def test_a_disabled_schedule_neither_waits_nor_fails():
    stream = feed(change(HOURLY, check_enabled=False), partitions=2)
    for partition in (0, 1):
        stream.rows(START, CALM, partition=partition, caught_up=False)
    stream.rows(START + 65 * MINUTE, CALM, partition=0, caught_up=False)
    stream.wait(400 * SECOND).progress(caught_up=False)
    assert stream.told(CheckExecution) == []


def test_a_paused_monitor_checks_nothing():
    stream = feed(change(HOURLY, paused=True))
    stream.rows(START, MOVED)
    stream.rows(START + HOUR + 10 * MINUTE, MOVED)
    assert [check.error_message for check in ended(stream)] == ["the monitor is paused"]


def test_fewer_rows_than_the_minimum_decide_nothing():
    stream = feed(change(HOURLY, minimum_n=2000))
    stream.rows(START, MOVED)
    stream.mark(START + 2 * HOUR)
    check = ended(stream)[0]
    assert (check.status, check.n) == (CheckStatus.SKIPPED, 1000)
    assert "minimum_n = 2000" in (check.error_message or "")


def test_a_check_waits_for_every_partition_and_says_that_it_runs():
    stream = feed(HOURLY, partitions=2)
    stream.rows(START, CALM, partition=0, caught_up=False)
    stream.rows(START, CALM, partition=1, caught_up=False)
    stream.rows(START + 2 * HOUR, CALM, partition=0, caught_up=False)
    (running,) = stream.told(CheckExecution)
    assert (running.status, running.started, running.duration_ms) == (CheckStatus.RUNNING, stream.now, None)
    stream.wait(90 * SECOND).rows(START + HOUR + 10 * MINUTE, CALM, partition=1, caught_up=False)
    (check,) = ended(stream)
    assert (check.check_id, check.status, check.n) == (running.check_id, CheckStatus.COMPLETED, 2000)
    assert (check.started, check.duration_ms) == (running.started, 90_000)


def test_after_300_seconds_a_check_has_failed_and_health_says_so_until_the_next_one_is_well():
    stream = feed(HOURLY, partitions=2)
    for partition in (0, 1):
        stream.rows(START, CALM, partition=partition, caught_up=False)
    stream.rows(START + 65 * MINUTE, CALM, partition=0, caught_up=False)
    stream.wait(299 * SECOND).progress(caught_up=False)
    assert ended(stream) == []
    stream.wait(2 * SECOND).progress(caught_up=False)
    (check,) = ended(stream)
    assert (check.status, check.duration_ms, check.n) == (CheckStatus.FAILED, 301_000, 0)
    assert (check.error_message or "").startswith("Drift check timeout after 300 seconds")
    (opened,) = stream.told(HealthOpened)
    assert (opened.kind, opened.subject) == ("check_failed", "m")
    for partition in (0, 1):
        stream.rows(START + 3 * HOUR, CALM, partition=partition, caught_up=False)
    assert [one.status for one in ended(stream)][1:] == [CheckStatus.COMPLETED]
    assert len(stream.told(HealthCleared)) == 1


def test_the_next_point_has_300_seconds_of_its_own():
    stream = feed(HOURLY, partitions=2)
    for partition in (0, 1):
        stream.rows(START, CALM, partition=partition, caught_up=False)
    stream.rows(START + 4 * HOUR, CALM, partition=0, caught_up=False)
    for _ in range(4):
        stream.wait(301 * SECOND).progress(caught_up=False)
    assert [check.due for check in ended(stream)] == [START + hour * HOUR for hour in (1, 2, 3)][: len(ended(stream))]
    assert all(check.status is CheckStatus.FAILED for check in ended(stream))
    assert len(stream.told(HealthOpened)) == 1


def test_a_version_that_puts_the_point_off_begins_the_wait_anew():
    later = change(HOURLY, monitor_version=2, effective_from=START + 30 * MINUTE, check_schedule="0 */2 * * *")
    book = book_of(HOURLY)
    stream = feed(HOURLY, partitions=2, book=book)
    for partition in (0, 1):
        stream.rows(START, CALM, partition=partition, caught_up=False)
    stream.rows(START + 65 * MINUTE, CALM, partition=0, caught_up=False)
    assert len(stream.told(CheckExecution)) == 1
    book.add_monitor(later, stream.now)
    stream.wait(400 * SECOND).progress(caught_up=False)
    stream.rows(START + 3 * HOUR, CALM, partition=0, caught_up=False)
    stream.wait(200 * SECOND).progress(caught_up=False)
    assert ended(stream) == []
    stream.wait(200 * SECOND).progress(caught_up=False)
    assert [(check.due - START) // HOUR for check in ended(stream)] == [2]


def test_each_model_version_is_an_execution_of_its_own_and_retired_ones_have_none():
    stream = feed(change(HOURLY, retired_versions=("0",)))
    for version in ("0", "1", "2"):
        stream.rows(START, MOVED if version == "2" else CALM, version=version)
    stream.mark(START + 80 * MINUTE)
    assert [(check.model_version, check.alert_generated) for check in ended(stream)] == [("1", False), ("2", True)]
    assert len({check.check_id for check in ended(stream)}) == 2


def test_another_schedule_holds_from_when_its_version_takes_over():
    second = change(HOURLY, monitor_version=2, effective_from=START + 3 * HOUR + 30 * MINUTE, check_schedule="0 */6 * * *")
    stream = feed(HOURLY, book=book_of(HOURLY, second))
    for hour in range(14):
        stream.rows(START + hour * HOUR, CALM)
    assert [(check.due - START) // HOUR for check in ended(stream)] == [1, 2, 3, 6, 12]
    assert [check.n for check in ended(stream)] == [1000, 1000, 1000, 3000, 6000]
    assert [check.schedule for check in ended(stream)] == ["hourly"] * 3 + ["0 */6 * * *"] * 2


def test_a_schedule_that_comes_later_checks_nothing_from_before():
    without = change(HOURLY, check_schedule="")
    second = change(HOURLY, monitor_version=2, effective_from=START + 3 * HOUR)
    stream = feed(without, book=book_of(without, second))
    for hour in range(6):
        stream.rows(START + hour * HOUR, CALM)
    assert [(check.due - START) // HOUR for check in ended(stream)] == [4]


@pytest.mark.parametrize("at", range(1, 14))
def test_a_restart_at_any_moment_loses_and_doubles_no_check(at):
    def story(stopped: int | None) -> list[CheckExecution]:
        stream = feed(HOURLY)
        for step in range(14):
            stream.wait(SECOND).rows(START + step * 40 * MINUTE, MOVED if step % 3 else CALM)
            if step == 4:
                ask(stream, START, START + 2 * HOUR)
                stream.progress()
            if step == stopped:
                restart(stream)
        return stream.told(CheckExecution)

    assert story(at) == story(None)


def test_what_is_asked_for_is_answered_at_the_next_progress_with_the_kept_counts():
    stream = feed(change(MONITOR, check_schedule=""))
    for hour in range(4):
        stream.rows(START + hour * HOUR, MOVED)
    ask(stream, START + HOUR + 20 * MINUTE, START + 2 * HOUR + 20 * MINUTE)
    assert stream.told(CheckExecution) == []
    assert stream.evaluator.position(99) == stream.offset - 1  # read again after a restart
    stream.progress()
    (check,) = stream.told(CheckExecution)
    assert (check.status, check.trigger, check.request_id, check.actor) == (
        CheckStatus.COMPLETED, CheckTrigger.ON_DEMAND, "r", "ada",
    )  # fmt: skip
    assert (check.start, check.end, check.n) == (START + HOUR, START + 3 * HOUR, 2000)  # whole panes
    assert (check.alert_generated, check.complete) == (True, False)  # the clock is five minutes short of the third hour
    assert stream.evaluator.position(99) == 99
    stream.progress()
    assert len(stream.told(CheckExecution)) == 1


def test_a_request_that_was_taken_is_not_taken_again_when_it_is_read_again():
    stream = feed(change(MONITOR, check_schedule=""))
    stream.rows(START, CALM)
    ask(stream, START, START + HOUR)
    stream.progress()
    request = CheckRequested(request_id="r", model_id="m", start=START, end=START + HOUR, actor="ada", at=NOW)
    stream.evaluator.apply(request, stream.offset - 2, stream.now)
    stream.progress()
    assert len(stream.told(CheckExecution)) == 1


def test_labels_count_once_their_time_is_over():
    stream = feed(change(MONITOR, check_schedule=""))
    stream.rows(START, CALM)
    stream.pairs(START, START + HOUR, right=100, wrong=900)
    ask(stream, START, START + HOUR, "early")
    stream.progress()
    stream.mark(START + DAY)
    stream.mark(START + DAY, group=Group.JOIN)
    ask(stream, START, START + HOUR, "late")
    stream.progress()
    early, late = ended(stream)
    assert "performance_drift_count" not in early.metrics
    assert late.metrics["performance_drift_count"] == 1
    assert late.metrics["label_coverage"] == 1.0


def test_nothing_kept_is_no_pass():
    stream = feed(change(MONITOR, check_schedule=""))
    stream.rows(START, CALM)
    ask(stream, START - 90 * DAY, START - 80 * DAY)
    stream.progress()
    (check,) = stream.told(CheckExecution)
    assert (check.status, check.alert_level, check.n) == (CheckStatus.SKIPPED, None, 0)


def test_other_limits_than_the_monitors_can_be_asked_for():
    strict = Threshold(family="feature", measure="psi", limit=0.0001, direction=Direction.ABOVE)
    lax = Threshold(family="feature", measure="psi", limit=9.0, direction=Direction.ABOVE)
    unknown = Threshold(family="business", measure="revenue", limit=1.0, direction=Direction.ABOVE)
    found = {}
    for name, rows, wanted in (("strict", {"AA": 520, "UA": 480}, strict), ("lax", MOVED, lax), ("none", MOVED, unknown)):
        stream = feed(change(MONITOR, check_schedule=""))
        stream.rows(START, rows)
        ask(stream, START, START + HOUR, thresholds=(wanted,))
        stream.progress()
        (found[name],) = stream.told(CheckExecution)
    assert [found["strict"].alert_generated, found["lax"].alert_generated] == [True, False]
    assert found["strict"].failing[0].limit == 0.0001
    assert found["none"].status is CheckStatus.SKIPPED


def test_one_version_can_be_asked_for():
    stream = feed(change(MONITOR, check_schedule=""))
    for version in ("1", "2"):
        stream.rows(START, CALM, version=version)
    ask(stream, START, START + HOUR, model_version="2")
    ask(stream, START, START + HOUR, "both")
    stream.progress()
    assert [(check.request_id, check.model_version) for check in stream.told(CheckExecution)] == [
        ("both", "1"), ("both", "2"), ("r", "2"),
    ]  # fmt: skip


def test_a_model_without_a_monitor_gets_a_failed_check():
    stream = feed(MONITOR)
    stream.send(CheckRequested(request_id="r", model_id="nobody", start=START, end=START + HOUR, actor="ada", at=stream.now))
    stream.progress()
    (check,) = stream.told(CheckExecution)
    assert (check.status, check.model_id) == (CheckStatus.FAILED, "nobody")


def test_a_check_of_rows_behind_a_gap_is_not_exact():
    stream = feed(HOURLY)
    stream.rows(START, CALM)
    stream.rows(START + 30 * MINUTE, CALM, skip=5)
    stream.mark(START + 70 * MINUTE)
    (check,) = ended(stream)
    assert not check.exact


def test_a_range_of_folded_days_counts_them_whole():
    stream = feed(change(HOURLY, check_schedule=""))
    for hour in range(0, 24 * 4, 6):
        stream.rows(START + hour * HOUR, CALM)
    stream.mark(START + 8 * DAY)
    stream.mark(START + 9 * DAY)
    ask(stream, START + DAY + HOUR, START + DAY + 2 * HOUR)
    stream.progress()
    (check,) = stream.told(CheckExecution)
    assert (check.start, check.end, check.n) == (START + DAY, START + 2 * DAY, 4000)
