from driftline.events import ClosedBy, Decision, DriftDetected, Group, WindowReport
from tests.unit.drift.windows.building import HOUR, MINUTE, MONITOR, START, change, feed

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
