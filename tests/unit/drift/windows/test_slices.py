"""Windows of slices: closed and reported as those of all rows, telling nobody, and gone with the slice."""

from driftline.events import (
    ClearedReason,
    Decision,
    DriftCleared,
    DriftDetected,
    Group,
    MonitorSlice,
    WindowReport,
)
from tests.unit.drift.windows.building import DAY, HOUR, MINUTE, MONITOR, NOW, START, Feed, book_of, change, counts, feed

CUT = change(MONITOR, granularities=("1 hour",), alert_on="1 hour", labels=False, slices=(MonitorSlice(columns=("carrier",)),))
UA, AA, REST = "carrier=UA", "carrier=AA", "carrier=(other)"


def send(stream: Feed, time: int, slices: dict[str, dict[str, int]]) -> None:
    """Rows at an event time by slice, and all of them together, as stage profile writes them."""
    everything: dict[str, int] = {}
    for carriers in slices.values():
        for carrier, rows in carriers.items():
            everything[carrier] = everything.get(carrier, 0) + rows
    pane = time // stream.layout.pane_us * stream.layout.pane_us
    panes = tuple(counts(stream.layout, found).to_event(name, pane) for name, found in ({"": everything} | slices).items())
    stream.send(stream.set(Group.PROFILE, panes, ("predictions", 0, time), "1"))
    stream.progress(Group.PROFILE, {("predictions", 0): sum(everything.values())}, sets=1)


def test_each_slice_has_windows_of_its_own():
    stream = feed(CUT)
    send(stream, START, {AA: {"AA": 30}, UA: {"UA": 20}, REST: {"B6": 5}})
    stream.rows(START + 2 * HOUR)
    told = {report.slice: (report.n, report.decision) for report in stream.told(WindowReport) if report.start == START}
    assert told == {
        "": (55, Decision.INPUTS),
        AA: (30, Decision.INPUTS),
        UA: (20, Decision.INPUTS),
        REST: (5, Decision.INPUTS),
    }


def test_drift_of_a_slice_is_told_and_alerts_nobody():
    stream = feed(CUT)
    send(stream, START, {AA: {"AA": 300}})
    stream.rows(START + 2 * HOUR)
    assert {event.slice: event.alert for event in stream.told(DriftDetected)} == {"": True, AA: False}


def test_an_episode_of_a_slice_ends_with_the_slice():
    book = book_of(CUT)
    book.add_monitor(change(CUT, monitor_version=2, effective_from=START + 2 * HOUR, slices=()), NOW)
    stream = feed(CUT, book=book)
    send(stream, START, {AA: {"AA": 300}})
    send(stream, START + HOUR + 5 * MINUTE, {AA: {"AA": 300}})
    assert {event.slice for event in stream.told(DriftDetected)} == {"", AA}
    stream.rows(START + 2 * HOUR + 10 * MINUTE)
    (cleared,) = stream.told(DriftCleared)
    assert (cleared.slice, cleared.reason, cleared.alert) == (AA, ClearedReason.SUPERSEDED, False)
    assert {key.slice for key in stream.evaluator.state.models["m"].episodes} == {""}


def test_rows_counted_under_other_slices_are_told_apart_in_the_window_of_the_change():
    recut = change(CUT, monitor_version=2, effective_from=START + HOUR // 2, slices=(MonitorSlice(columns=(":prediction",)),))
    book = book_of(CUT)
    book.add_monitor(recut, NOW)
    before = feed(CUT, book=book)
    send(before, START, {AA: {"AA": 30}})
    after = Feed(before.evaluator, recut)
    after.heads, after.offset = before.heads, before.offset
    send(after, START + HOUR - 1, {":prediction=late": {"AA": 12}})
    after.rows(START + 2 * HOUR)
    told = {report.slice: (report.n, report.other_layout) for report in after.told(WindowReport) if report.start == START}
    assert told == {"": (12, 30), AA: (0, 30), ":prediction=late": (12, 0)}


def test_a_row_that_comes_when_nothing_counts_it_any_more_is_one_row_however_many_slices_it_is_in():
    stream = feed(CUT)
    send(stream, START, {AA: {"AA": 30}})
    stream.mark(START + 40 * DAY)
    send(stream, START, {AA: {"AA": 3}, UA: {"UA": 4}})
    assert stream.evaluator.counters.late_after_final == 7
    assert stream.evaluator.state.models["m"].late_after_final == 7
