"""Schedules that once broke a design of this kind, each by its number.

Those that need a broker are in tests/unit/simulation; H13, H15, H16, H17, H19 and H24 stand beside the code that excludes
them, with their number in the docstring.
"""

import pytest

from driftline.drift.detectors.protocol import unpack
from driftline.drift.windows import Evaluator, Rules, restore, take_changes
from driftline.events import (
    ClearedReason,
    ClosedBy,
    Decision,
    DriftCleared,
    DriftDetected,
    Group,
    HealthCleared,
    HealthOpened,
    MonitorState,
    MonitorStatus,
    Part,
    Threshold,
    WindowReport,
)
from driftline.events.monitors import Direction
from tests.unit.drift.windows.building import (
    BASELINE,
    DAY,
    HOUR,
    MINUTE,
    MONITOR,
    NOW,
    SECOND,
    START,
    Feed,
    book_of,
    change,
    feed,
    sources,
)

HOURLY = change(MONITOR, granularities=("1 hour",), alert_on="1 hour", labels=False)
LABELLED = change(MONITOR, granularities=("1 hour",), alert_on="1 hour")


def restarted(stream: Feed) -> Feed:
    """A new instance with what the old one had stored; range heads, offsets and time go on."""
    entries = [(key, body) for key, body in stored(stream).items() if body is not None]
    state = restore(entries, stream.evaluator._rules.layout)
    again = Feed(
        Evaluator(0, sources(stream.partitions), stream.evaluator._rules, state=state), stream.monitor, stream.partitions
    )
    again.heads, again.now, again.offset = stream.heads, stream.now, stream.offset
    again.outputs = stream.outputs
    again.kept = stream.kept
    return again


def stored(stream: Feed) -> dict:
    """Everything that was written to `states` so far, the last of each key."""
    stream.kept.update(take_changes(stream.evaluator.state))
    return stream.kept


def reading(stream: Feed) -> int:
    """W(m)."""
    time = stream.evaluator.state.models["m"].inputs.read(stream.evaluator.state.cursor.calm[Group.PROFILE])
    assert time is not None
    return time


def windows(stream: Feed) -> list[tuple]:
    return [(r.start, r.n, r.revision, r.decision, r.closed_by) for r in stream.told(WindowReport)]


def test_h1_a_late_pair_of_a_closed_window_is_counted_once_through_restarts():
    stream = feed(LABELLED)
    stream.rows(START, {"AA": 10})
    stream.mark(START + 12 * HOUR)
    stream.mark(START + 12 * HOUR, group=Group.JOIN)
    stream.pairs(START, START + 12 * HOUR, right=3)
    stream = restarted(stream)
    stream.rows(START + 12 * HOUR, {"AA": 1})
    stream = restarted(stream)
    stream.mark(START + 15 * DAY)
    stream.mark(START + 15 * DAY, group=Group.JOIN)
    final = next(report for report in reversed(stream.told(WindowReport)) if report.start == START)
    assert (final.final, final.n, final.labels_in_time) == (True, 10, 3)


def test_h3_a_backfill_beside_a_live_model_closes_its_windows_by_its_own_clock():
    old = change(HOURLY, model_id="old")
    book = book_of(HOURLY, old)
    live = feed(HOURLY, book=book)
    backfill = Feed(live.evaluator, old)
    backfill.heads = live.heads
    for minutes in (0, 20, 40):
        live.rows(START + minutes * MINUTE)
        backfill.offset = live.offset
        backfill.rows(START - 200 * DAY + minutes * MINUTE)
        live.offset = backfill.offset
    assert live.told(WindowReport) == backfill.told(WindowReport) == []
    live.rows(START + 65 * MINUTE)
    assert [report.model_id for report in live.told(WindowReport)] == ["m"]


def test_h4_a_partition_whose_reader_died_after_saying_idle_holds_the_window_and_is_told_to_people():
    stream = feed(HOURLY, partitions=2, notices=True)
    stream.rows(START, partition=0)
    stream.progress()
    stream.wait(70 * SECOND)
    only = [("predictions", 0)]  # the owner of partition 1 is silent from here on
    stream.progress(only=only)
    stream.wait(4 * SECOND).rows(START + 2 * HOUR, partition=0, only=only)
    assert stream.told(WindowReport) == []
    (opened,) = [event for event in stream.told(HealthOpened) if event.labels["group"] == "profile"]
    assert (opened.kind, opened.labels["partition"]) == ("stalled_partition", "1")
    stream.wait(HOUR).rows(START + 2 * HOUR, partition=0, only=only)
    (report,) = stream.told(WindowReport)
    assert (report.closed_by, report.completeness) == (ClosedBy.MAX_WAIT, 0.5)
    stream.wait(SECOND).progress()
    assert [event.subject for event in stream.told(HealthCleared)] == [opened.subject]


def test_h4_a_partition_that_lags_is_never_left_out():
    stream = feed(HOURLY, partitions=2)
    stream.rows(START, partition=0)
    for _ in range(100):
        stream.wait(2 * SECOND).rows(START + 2 * HOUR, partition=0, caught_up=False)
    assert stream.told(WindowReport) == []


def test_h6_labels_after_lateness_are_decided_once_and_revisions_tell_no_drift():
    stream = feed(LABELLED)
    stream.rows(START, {"AA": 50, "UA": 50})
    stream.mark(START + 7 * HOUR)
    stream.pairs(START, START + 5 * HOUR, right=90, wrong=10)
    stream.mark(START + 7 * HOUR + 5 * MINUTE, group=Group.JOIN)
    decided = [report.decision for report in stream.told(WindowReport)]
    assert decided.count(Decision.PERFORMANCE) == 1
    stream.pairs(START, START + 8 * HOUR, wrong=500, part=Part.IN_TIME)
    stream.pairs(START, START + 8 * HOUR, wrong=70, part=Part.LATER)
    stream.mark(START + 2 * DAY, group=Group.JOIN)
    last = stream.told(WindowReport)[-1]
    assert (last.decision, last.labels_in_time, last.labels_later) == (Decision.NONE, 600, 70)
    assert stream.told(DriftDetected) == []
    (state,) = [detector.to_bytes() for detector in stream.evaluator.state.models["m"].detectors.values()]
    assert len(unpack(state)[1]) == 1


def test_h7_the_version_in_force_is_decided_by_append_time_not_by_what_was_read():
    strict = change(
        HOURLY,
        monitor_version=2,
        effective_from=START,
        thresholds=(Threshold(family="feature", measure="psi", limit=0.0001, direction=Direction.ABOVE),),
    )

    def versions(appended: int) -> list[int]:
        book = book_of(HOURLY)
        book.add_monitor(strict, appended)
        stream = feed(HOURLY, book=book)
        stream.rows(START, {"AA": 60, "UA": 40})
        stream.rows(START + 2 * HOUR)
        return [report.monitor_version for report in stream.told(WindowReport)]

    assert versions(NOW + SECOND) == [1]
    assert versions(NOW) == [2]


def test_h8_profiles_of_one_transaction_share_its_range_and_absent_models_leave_no_gap():
    book = book_of(HOURLY, change(HOURLY, model_id="n"))
    stream = feed(HOURLY, book=book)
    panes = lambda: ()  # noqa: E731
    for _ in range(3):
        for version in ("1", "2", "3"):
            stream.send(stream.set(Group.PROFILE, panes(), ("predictions", 0, START), version))
        stream.progress(moved={("predictions", 0): 30}, sets=3)
        stream.progress(moved={("predictions", 0): 5})  # rows of nobody here
    faults = {verdict.value: count for verdict, count in stream.evaluator.counters.verdicts.items() if count}
    assert faults == {"first": 1, "continues": 5}
    assert stream.evaluator.counters.lost_sets == 0


def test_h9_many_windows_of_one_progress_record_are_decided_in_portions_that_survive_a_restart():
    whole, portions = feed(HOURLY), feed(HOURLY)
    for stream in (whole, portions):
        for version in range(30):
            stream.rows(START, {"AA": 200}, version=str(version))
    whole.mark(START + 2 * HOUR)

    portions.send(portions.set(Group.PROFILE, (), ("predictions", 0, START + 2 * HOUR), "1"))
    portions.reports = 0
    record, offset = progress_of(portions), portions.offset
    portions.evaluator.apply(record, offset, portions.now)
    while portions.evaluator.busy:
        done = portions.evaluator.work(4)
        assert len(done) <= 6
        portions.outputs += done
        before = portions
        portions = restarted(portions)
        if before.evaluator.busy:
            assert portions.evaluator.state.cursor.evaluating
            portions.evaluator.apply(record, offset, portions.now)
    assert portions.outputs == whole.outputs
    assert len(portions.told(WindowReport)) == len(portions.told(DriftDetected)) == 30


class Dropped(Exception):
    """Carries the record that was not sent."""


def progress_of(stream: Feed):
    """The progress record that `mark` would send, not sent."""

    class Taking(Feed):
        def send(self, record):
            raise Dropped(record)

    taking = Taking(stream.evaluator, stream.monitor, stream.partitions)
    taking.heads = stream.heads
    with pytest.raises(Dropped) as dropped:
        taking.progress(moved={("predictions", 0): 1}, sets=1)
    return dropped.value.args[0]


def test_h10_an_hour_that_is_needed_after_folding_goes_to_its_day():
    monitor = change(MONITOR, granularities=("1 hour", "1 day"))
    stream = feed(monitor)
    stream.rows(START + HOUR, {"AA": 10})
    stream.mark(START + 5 * DAY)
    stream.mark(START + 5 * DAY, group=Group.JOIN)
    hours = [report for report in stream.told(WindowReport) if report.granularity == "1 hour"]
    assert hours[-1].final
    stream.pairs(START + HOUR, START + 21 * DAY, right=4, part=Part.LATER)
    stream.mark(START + 40 * DAY)
    stream.mark(START + 40 * DAY, group=Group.JOIN)
    reports = stream.told(WindowReport)
    assert [report for report in reports if report.granularity == "1 hour"] == hours
    day = reports[-1]
    assert (day.granularity, day.final, day.n, day.labels_later, day.late_after_final) == ("1 day", True, 10, 4, 4)
    assert len(stream.evaluator.state.models["m"].panes) == 0


def test_h10_a_local_day_is_made_of_panes_that_fit_it():
    monitor = change(MONITOR, granularities=("1 hour", "1 day"), time_zone="Asia/Kolkata", labels=False)
    stream = feed(monitor)
    midnight = START + 18 * HOUR + 30 * MINUTE  # in Kolkata
    stream.rows(midnight - MINUTE, {"AA": 3})
    stream.rows(midnight + MINUTE, {"AA": 5})
    stream.mark(midnight + 5 * DAY)
    days = {report.start: report.n for report in stream.told(WindowReport) if report.granularity == "1 day"}
    assert days == {midnight - DAY: 3, midnight: 5}
    model = stream.evaluator.state.models["m"]
    assert {key.end - key.start for _, key in model.panes.keys()} == {DAY}  # noqa: SIM118


def test_h11_a_change_whose_revision_is_due_later_is_remembered_through_a_kill():
    stream = feed(LABELLED)
    stream.rows(START, {"AA": 10})
    stream.mark(START + 90 * MINUTE)
    stream.mark(START + 66 * MINUTE, group=Group.JOIN)
    stream.pairs(START, START + 66 * MINUTE, right=3)
    assert len(windows(stream)) == 1
    stream = restarted(stream)
    stream.mark(START + 125 * MINUTE, group=Group.JOIN)
    assert [report.labels_in_time for report in stream.told(WindowReport)] == [0, 3]


def test_h11_a_stream_that_stops_still_gets_its_finals():
    monitor = change(HOURLY, granularities=("1 hour",), idle_timeout_us=10 * SECOND)
    stream = feed(monitor)
    stream.rows(START, {"AA": 10})
    for _ in range(4 * 24 * 60):
        stream.wait(MINUTE).progress(commit_interval_us=MINUTE)
    reports = stream.told(WindowReport)
    assert [report.closed_by for report in reports] == [ClosedBy.IDLE, ClosedBy.IDLE]
    assert [report.final for report in reports] == [False, True]


def test_h11_a_pause_of_stage_1_is_not_taken_for_quiet_time():
    monitor = change(HOURLY, idle_timeout_us=10 * SECOND)
    stream = feed(monitor)
    stream.rows(START, {"AA": 10})
    for _ in range(20):
        stream.wait(SECOND).progress()
    before = reading(stream)
    stream.wait(7 * DAY).progress()
    assert reading(stream) - before <= 3 * SECOND
    assert stream.told(WindowReport) == []


def test_h12_reports_do_not_depend_on_the_order_in_which_monitors_were_read():
    second = change(HOURLY, monitor_version=2, effective_from=START + HOUR, minimum_n=3)
    third = change(HOURLY, monitor_version=3, effective_from=START + 2 * HOUR, minimum_n=9)

    def told(*versions):
        book = book_of(HOURLY)
        for monitor in versions:
            book.add_monitor(monitor, NOW - monitor.monitor_version)
        stream = feed(HOURLY, book=book)
        for hour in range(5):
            stream.rows(START + hour * HOUR + 5 * MINUTE)
        return stream.outputs

    assert told(second, third) == told(third, second)
    assert [report.monitor_version for report in told(second, third)] == [1, 2, 3, 3]


def test_h14_a_partition_that_creeps_does_not_keep_a_window_open_beyond_max_wait():
    stream = feed(HOURLY, partitions=2)
    stream.rows(START, partition=0)
    stream.rows(START, partition=1)
    stream.rows(START + 3 * HOUR, partition=0)
    for step in range(61):
        stream.wait(MINUTE).rows(START + step * 10 * SECOND, partition=1, commit_interval_us=MINUTE)
    (report,) = stream.told(WindowReport)
    assert (report.start, report.closed_by, report.completeness) == (START, ClosedBy.MAX_WAIT, 0.5)


def test_h18_a_retired_version_a_removed_check_and_a_new_alert_granularity_end_their_episodes():
    changes = (
        {"retired_versions": ("1",)},
        {"thresholds": (Threshold(family="performance", measure="accuracy", limit=0.1, direction=Direction.BELOW),)},
        {"granularities": ("30 minutes",), "alert_on": "30 minutes"},
        {"paused": True},
    )
    for changed in changes:
        book = book_of(HOURLY)
        book.add_monitor(change(HOURLY, monitor_version=2, effective_from=START + 2 * HOUR, **changed), NOW)
        stream = feed(HOURLY, book=book)
        stream.rows(START, {"AA": 300})
        stream.rows(START + 70 * MINUTE, {"AA": 300})
        assert len(stream.told(DriftDetected)) == 1
        stream.rows(START + 130 * MINUTE, {"AA": 1, "UA": 1})
        (cleared,) = stream.told(DriftCleared)
        assert cleared.reason is ClearedReason.SUPERSEDED
        assert stream.evaluator.state.models["m"].episodes == {}


def test_h18_only_one_granularity_alerts():
    monitor = change(HOURLY, granularities=("1 hour", "1 day"), alert_on="1 day")
    stream = feed(monitor)
    stream.rows(START, {"AA": 300})
    stream.rows(START + 25 * HOUR, {"AA": 300})
    assert {event.granularity: event.alert for event in stream.told(DriftDetected)} == {"1 hour": False, "1 day": True}


def test_h20_pairs_read_ahead_of_label_close_count_by_their_own_times():
    early, late = feed(LABELLED), feed(LABELLED)
    for stream in (early, late):
        stream.rows(START, {"AA": 50, "UA": 50})
        stream.mark(START + 8 * HOUR)
    early.pairs(START, START + 9 * HOUR, wrong=70, part=Part.LATER)  # one partition reads ahead
    for stream in (early, late):
        stream.pairs(START, START + 5 * HOUR, right=90, wrong=10)
        stream.mark(START + 8 * HOUR, group=Group.JOIN)
    late.pairs(START, START + 9 * HOUR, wrong=70, part=Part.LATER)
    decided = [
        [(m.name, m.value, m.violated) for m in report.measures if m.family == "performance"]
        for stream in (early, late)
        for report in stream.told(WindowReport)
        if report.decision is Decision.PERFORMANCE
    ]
    assert len(decided) == 2
    assert decided[0] == decided[1]


def test_h23_a_monitor_whose_baseline_came_later_is_rejected_and_others_are_acknowledged():
    book = book_of(HOURLY)
    book.add_monitor(change(HOURLY, monitor_version=2, baseline_id="unknown"), NOW)
    stream = feed(HOURLY, book=book, notices=True)
    stream.rows(START)
    told = {status.monitor_version: status.status for status in stream.told(MonitorStatus)}
    assert told == {1: MonitorState.ACTIVE, 2: MonitorState.REJECTED}
    assert BASELINE.baseline_id == HOURLY.baseline_id
    assert isinstance(stream.evaluator._rules, Rules)


def test_a_monitor_that_takes_over_later_has_no_say_before_the_model_has_a_clock():
    book = book_of(HOURLY)
    book.add_monitor(
        change(HOURLY, monitor_version=2, effective_from=START + 2 * HOUR, granularities=("1 hour", "1 day"), alert_on="1 day"),
        NOW,
    )
    stream = feed(HOURLY, partitions=2, book=book)
    stream.rows(START + 3 * HOUR, partition=0)  # nothing is known of the other partition: no clock yet
    stream.rows(START, {"AA": 300}, partition=1)
    stream.rows(START + 3 * HOUR, partition=1)
    assert [(event.alert, event.sequence) for event in stream.told(DriftDetected)] == [(True, 1)]
    (cleared,) = stream.told(DriftCleared)
    assert cleared.reason is ClearedReason.SUPERSEDED


def test_a_monitor_that_takes_over_later_has_no_say_while_group_join_is_ahead_of_data_closes():
    book = book_of(LABELLED)
    book.add_monitor(
        change(
            LABELLED, monitor_version=2, effective_from=START + 2 * HOUR, granularities=("1 hour", "1 day"), alert_on="1 day"
        ),
        NOW,
    )

    def story(join_first: bool) -> list:
        stream = feed(LABELLED, book=book)
        stream.rows(START, {"AA": 50, "UA": 50})
        stream.rows(START + 10 * MINUTE)
        steps = [
            lambda: stream.mark(START + 20 * HOUR, group=Group.JOIN),
            lambda: stream.mark(START + 3 * HOUR),
        ]
        stream.pairs(START, START + HOUR, wrong=90, right=10)
        for step in steps if join_first else reversed(steps):
            step()
        stream.mark(START + 21 * HOUR, group=Group.JOIN)
        stream.mark(START + 4 * HOUR)
        return [
            (event.kind, event.alert, event.sequence) for event in (*stream.told(DriftDetected), *stream.told(DriftCleared))
        ]

    assert story(join_first=True) == story(join_first=False) == [("performance", True, 1), ("performance", True, 2)]
