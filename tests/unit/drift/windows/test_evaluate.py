import dataclasses
from collections import Counter

import numpy as np
import pytest

from driftline.drift.profile import Profile
from driftline.drift.windows import MalformedState, key_bytes, key_of, restore, take_changes
from driftline.events import ClosedBy, Decision, DriftDetected, Group, MonitorStatus, Part, WindowReport
from tests.unit.drift.windows.building import (
    DAY,
    HOUR,
    MINUTE,
    MONITOR,
    NOW,
    SECOND,
    START,
    book_of,
    change,
    feed,
    layout_of,
)

HOURLY = change(MONITOR, granularities=("1 hour",), alert_on="1 hour", labels=False)


def test_a_window_closes_when_the_clock_passes_its_end_by_lateness():
    stream = feed(HOURLY)
    stream.rows(START + 10 * MINUTE, {"AA": 3})
    stream.rows(START + 64 * MINUTE, {"AA": 1})
    assert stream.told(WindowReport) == []
    stream.rows(START + 65 * MINUTE, {"AA": 1})
    (report,) = stream.told(WindowReport)
    assert (report.start, report.end, report.n, report.revision) == (START, START + HOUR, 3, 1)
    assert (report.decision, report.closed_by, report.completeness) == (Decision.INPUTS, ClosedBy.WATERMARK, 1.0)
    assert report.exact


def test_drift_is_told_once_and_cleared_after_two_clean_windows():
    stream = feed(HOURLY)
    stream.rows(START, {"AA": 300})
    for hour in range(1, 4):
        stream.rows(START + hour * HOUR + 5 * MINUTE, {"AA": 150, "UA": 150})
    kinds = [type(output).__name__ for output in stream.outputs]
    assert kinds == ["WindowReport", "DriftDetected", "WindowReport", "WindowReport", "DriftCleared"]


def test_performance_is_decided_at_label_close_on_in_time_pairs():
    stream = feed(change(MONITOR, granularities=("1 hour",), alert_on="1 hour"))
    stream.rows(START, {"AA": 100, "UA": 100})
    stream.mark(START + 2 * HOUR)
    stream.mark(START + 2 * HOUR, group=Group.JOIN)
    stream.pairs(START, START + 2 * HOUR, right=50, wrong=50)
    stream.mark(START + 8 * HOUR, group=Group.JOIN)
    stream.mark(START + 8 * HOUR)
    inputs, *_revisions, performance = stream.told(WindowReport)
    assert inputs.decision is Decision.INPUTS
    assert performance.decision is Decision.PERFORMANCE
    assert performance.labels_in_time == 100
    assert {m.name: m.value for m in performance.measures if m.family == "performance"}["accuracy"] == 0.5
    assert [event.kind for event in stream.told(DriftDetected)] == ["performance"]


def test_a_gap_makes_every_open_window_inexact_and_those_that_the_lost_rows_may_belong_to():
    stream = feed(HOURLY)
    stream.rows(START)
    stream.rows(START + 30 * MINUTE, skip=3)
    stream.rows(START + 65 * MINUTE)
    stream.rows(START + 3 * HOUR)
    stream.rows(START + 5 * HOUR)
    assert [report.exact for report in stream.told(WindowReport)] == [False, True, True]


def test_a_gap_counts_against_the_first_window_after_it_even_if_nobody_had_touched_that():
    stream = feed(HOURLY)
    stream.rows(START)
    stream.rows(START + 65 * MINUTE, skip=3)
    stream.rows(START + 130 * MINUTE)
    stream.rows(START + 6 * HOUR)
    assert [report.exact for report in stream.told(WindowReport)] == [False, False, True]


def test_an_overlap_makes_windows_inexact_and_their_counts_are_kept():
    stream = feed(HOURLY)
    stream.rows(START, {"AA": 4})
    stream.rows(START, {"AA": 4}, back=2)
    stream.rows(START + 2 * HOUR)
    (report,) = stream.told(WindowReport)
    assert (report.exact, report.n) == (False, 8)


def test_a_transaction_that_was_counted_already_is_dropped_and_windows_stay_exact():
    stream = feed(HOURLY)
    stream.rows(START, {"AA": 4})
    stream.rows(START, {"AA": 4}, back=4)
    stream.rows(START + 2 * HOUR)
    (report,) = stream.told(WindowReport)
    assert (report.exact, report.n) == (True, 4)


def test_profile_sets_that_nobody_saw_are_noticed():
    stream = feed(HOURLY)
    stream.rows(START)
    stream.progress(moved={("predictions", 0): 5}, sets=1)
    stream.rows(START + 2 * HOUR)
    assert [report.exact for report in stream.told(WindowReport)] == [False]
    assert stream.evaluator.counters.lost_sets == 1


def test_a_recreated_topic_makes_windows_inexact_and_goes_on():
    stream = feed(HOURLY)
    stream.rows(START)
    stream.topic_id, stream.heads = "T2", {}
    stream.rows(START + 30 * MINUTE)
    stream.rows(START + 2 * HOUR)
    stream.rows(START + 4 * HOUR)
    assert [(report.exact, report.n) for report in stream.told(WindowReport)] == [(False, 4), (True, 2)]


def test_a_window_first_touched_after_its_close_is_published_as_late_and_never_decided():
    stream = feed(HOURLY)
    stream.rows(START + 3 * HOUR, {"AA": 300})
    stream.rows(START, {"AA": 300})
    (report,) = stream.told(WindowReport)
    assert (report.closed_by, report.decision, report.n, report.revision) == (ClosedBy.LATE, Decision.NONE, 300, 1)
    stream.rows(START + 1, {"AA": 300})
    stream.rows(START + 6 * HOUR)
    late = [report for report in stream.told(WindowReport) if report.start == START]
    assert [(report.revision, report.n, report.decision) for report in late] == [
        (1, 300, Decision.NONE),
        (2, 600, Decision.NONE),
    ]
    assert [event.since for event in stream.told(DriftDetected)] == [START + 3 * HOUR]


def test_a_changed_window_is_published_again_at_doublings_of_the_pane_and_an_unchanged_one_is_not():
    stream = feed(HOURLY)
    stream.rows(START, {"AA": 300})
    for minutes in range(65, 600, 5):
        stream.rows(START + minutes * MINUTE)
        if minutes in (70, 200):
            stream.rows(START, {"UA": 1})
    found = [(report.n, report.profiles_offset) for report in stream.told(WindowReport) if report.start == START]
    assert [n for n, _ in found] == [300, 301, 302]


def test_below_minimum_n_is_no_data():
    monitor = change(HOURLY, minimum_n=10)
    stream = feed(monitor)
    stream.rows(START, {"AA": 9})
    stream.rows(START + 2 * HOUR)
    (report,) = stream.told(WindowReport)
    assert (report.decision, report.risk_score, report.severity) == (Decision.NONE, None, None)
    assert stream.told(DriftDetected) == []


def test_a_paused_monitor_counts_on_and_decides_nothing():
    stream = feed(change(HOURLY, paused=True))
    stream.rows(START, {"AA": 300})
    stream.rows(START + 2 * HOUR)
    (report,) = stream.told(WindowReport)
    assert (report.n, report.decision) == (300, Decision.NONE)
    assert stream.told(DriftDetected) == []


def test_rows_of_another_layout_are_left_out_and_counted():
    other = change(HOURLY, monitor_version=2, effective_from=START + 30 * MINUTE, columns=HOURLY.columns[:1])
    book = book_of(HOURLY)
    book.add_monitor(other, NOW - SECOND)
    stream = feed(HOURLY, book=book)
    stream.rows(START, {"AA": 7})
    shape = layout_of(other).shape(Part.INPUTS)
    cells = np.zeros(shape.cells, np.int64)
    cells[2] = 3
    pane = Profile(shape, 3, cells, Profile.zero(shape).sums).to_event("", START)
    found = stream.set(Group.PROFILE, (pane,), ("predictions", 0, START + 2 * HOUR), "1")
    stream.send(dataclasses.replace(found, monitor_version=2, layout=shape.layout))
    stream.progress(moved={("predictions", 0): 3}, sets=1)
    (report,) = stream.told(WindowReport)
    assert (report.n, report.other_layout, report.monitor_version, report.layout) == (3, 7, 2, shape.layout)


def test_day_and_week_are_unions_of_the_same_panes():
    monitor = change(HOURLY, granularities=("1 hour", "1 day", "1 week"), alert_on="1 day")
    stream = feed(monitor)
    for hour in range(0, 4 * 24, 5):
        stream.rows(START + hour * HOUR, {"AA": 2})
    stream.mark(START + 12 * DAY)
    totals: Counter[str] = Counter()
    for report in stream.told(WindowReport):
        if report.decision is Decision.INPUTS:
            totals[report.granularity] += report.n
    assert totals == {"1 hour": 40, "1 day": 40, "1 week": 40}
    weeks = [report.start for report in stream.told(WindowReport) if report.granularity == "1 week"]
    assert set(weeks) == {START - 4 * DAY, START + 3 * DAY}  # Mondays


def test_a_row_after_everything_is_final_is_counted_where_somebody_can_see_it():
    stream = feed(HOURLY)
    stream.rows(START)
    stream.mark(START + 20 * DAY)
    stream.rows(START, {"AA": 6})
    assert stream.evaluator.state.models["m"].late_after_final == 6
    assert stream.evaluator.counters.late_after_final == 6


def test_the_watermark_is_reported_once_a_minute_of_append_time_while_it_moves():
    stream = feed(HOURLY, notices=True)
    for minute in range(5):
        stream.rows(START + minute * MINUTE)
        stream.wait(30 * SECOND).rows(START + minute * MINUTE)
        stream.wait(30 * SECOND)
    marks = [status.watermark for status in stream.told(MonitorStatus)]
    assert marks == [START + (minute - 5) * MINUTE for minute in range(5)]


def test_everything_that_is_stored_comes_back_byte_for_byte():
    monitor = change(MONITOR, granularities=("1 hour", "1 day"))
    stream = feed(monitor, notices=True)
    stream.rows(START, {"AA": 300})
    stream.rows(START + 90 * MINUTE, {"AA": 300}, skip=2)
    stream.pairs(START, START + 2 * HOUR, right=10, wrong=200)
    stream.mark(START + 30 * HOUR)
    stream.mark(START + 30 * HOUR, group=Group.JOIN)
    stream.rows(START + 20 * MINUTE)
    stored = {key: body for key, body in take_changes(stream.evaluator.state) if body is not None}
    assert {key[0] for key in stored} >= {"cursor", "heads", "model", "pane", "window", "episode", "detector"}
    again = restore(stored.items(), stream.evaluator._rules.layout)
    again.unsaved = dict.fromkeys(stored)
    assert dict(take_changes(again)) == stored
    assert {key_of(key_bytes(key)) for key in stored} == stored.keys()


def test_state_that_cannot_be_read_is_named():
    with pytest.raises(MalformedState, match="pane"):
        restore([(("pane", "m"), b"{}")], lambda *_: layout_of(MONITOR))
