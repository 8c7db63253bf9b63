"""Detectors over decided windows: what they are fed, what they tell, and that a restart changes nothing."""

import pytest

from driftline.drift.detectors.sequential import Kind
from driftline.drift.profile.layout import KSWIN
from driftline.drift.windows import Evaluator, Rules, key_bytes, key_of, restore, take_changes
from driftline.events import (
    Decision,
    DriftCleared,
    DriftDetected,
    Group,
    MonitorDetector,
    MonitorSlice,
    WindowReport,
)
from driftline.governance.checks import DETECTORS
from tests.unit.drift.windows.building import HOUR, MONITOR, START, Feed, book_of, change, counts, feed, sources

WATCHED = change(
    MONITOR,
    granularities=("1 hour",),
    alert_on="1 hour",
    labels=False,
    thresholds=(),
    weights={"prediction": 1.0},
    detectors=(MonitorDetector(family="prediction", kind="adwin"), MonitorDetector(family="prediction", kind="page_hinkley")),
)
SHARES = [0.30, 0.34, 0.32, 0.36] * 7 + [0.80, 0.82] * 4


class Predicting(Feed):
    """Rows of which a share is predicted late."""

    def hour(self, number: int, share: float):
        late = round(500 * share)
        profile = self.rows_of(late, 500 - late)
        panes = (profile.to_event("", START + number * HOUR),)
        self.send(self.set(Group.PROFILE, panes, ("predictions", 0, START + number * HOUR), "1"))
        self.progress(moved={("predictions", 0): 500}, sets=1)

    def rows_of(self, late: int, on_time: int):
        profile = counts(self.layout, {"AA": late + on_time})
        block = self.layout.by_column[":prediction"]
        first = block.offset + 2
        profile.cells[first + block.categories.index("late")] = late
        profile.cells[first + block.categories.index("on time")] = on_time
        return profile


def stream_of(monitor=WATCHED) -> Predicting:
    rules = Rules(book_of(monitor))
    return Predicting(Evaluator(0, sources(1), rules), monitor)


def restarted(stream: Predicting) -> None:
    """Die, and come back with what is on `states` alone."""
    for key, body in take_changes(stream.evaluator.state):
        stream.kept[key_bytes(key)] = body
    rules = Rules(book_of(stream.monitor))
    entries = [(key_of(key), body) for key, body in stream.kept.items() if body is not None]
    stream.evaluator = Evaluator(0, sources(1), rules, state=restore(entries, rules.layout))


def told_of(stream: Feed):
    return [
        [measure for measure in report.measures if measure.family == "prediction_change"]
        for report in stream.told(WindowReport)
        if report.decision is Decision.INPUTS
    ]


def test_a_change_is_told_once_in_the_report_and_as_one_episode_of_its_own_kind():
    stream = stream_of()
    for number, share in enumerate(SHARES):
        stream.hour(number, share)
    stream.mark(START + len(SHARES) * HOUR + HOUR)
    found = told_of(stream)
    assert len(found) == len(SHARES)
    assert {(m.name, m.column) for told in found for m in told} == {
        ("adwin_rate", ":prediction"),
        ("page_hinkley_rate", ":prediction"),
    }
    assert next(at for at, told in enumerate(found) if any(m.violated for m in told)) in (28, 29, 30)
    events = [(type(event), event.kind) for event in stream.told((DriftDetected, DriftCleared))]
    assert events.count((DriftDetected, "prediction_change")) <= 2
    assert events[-1] == (DriftCleared, "prediction_change")
    assert len({event.episode_id for event in stream.told(DriftDetected)}) == 1
    assert any(report.risk_score == 100.0 for report in stream.told(WindowReport))


def test_restarts_between_all_windows_change_nothing():
    calm, troubled = stream_of(), stream_of()
    for number, share in enumerate(SHARES):
        calm.hour(number, share)
        troubled.hour(number, share)
        restarted(troubled)
    for stream in (calm, troubled):
        stream.mark(START + len(SHARES) * HOUR + HOUR)
    assert troubled.outputs == calm.outputs
    assert any(isinstance(output, DriftDetected) for output in calm.outputs)


def test_a_revision_says_again_what_detectors_said_and_feeds_nothing():
    stream = stream_of()
    stream.hour(0, 0.3)
    stream.hour(1, 0.3)
    stream.mark(START + 3 * HOUR)
    stream.hour(0, 0.9)
    stream.mark(START + 400 * HOUR)
    of_first = [report for report in stream.told(WindowReport) if report.start == START]
    assert of_first[-1].revision > 1
    assert of_first[-1].n == 1000
    told = [[m for m in report.measures if m.family == "prediction_change"] for report in of_first]
    assert told[0] == told[-1] != []


def test_columns_and_predictions_are_watched_over_all_rows_only():
    stream = feed(change(WATCHED, slices=(MonitorSlice(columns=("carrier",)),)))
    stream.rows(START)
    stream.mark(START + 2 * HOUR)
    assert {key[1] for key in stream.evaluator.state.models["m"].detectors} == {""}


def test_what_a_newer_version_does_not_ask_for_is_forgotten_at_its_place_among_the_windows():
    first = WATCHED
    second = change(first, monitor_version=2, effective_from=START + 3 * HOUR, detectors=first.detectors[:1])
    rules = Rules(book_of(first, second))
    stream = Predicting(Evaluator(0, sources(1), rules), first)
    for number in range(3):
        stream.hour(number, 0.3)
    stream.mark(START + 3 * HOUR)
    assert len(stream.evaluator.state.models["m"].detectors) == 2
    stream.mark(START + 4 * HOUR)
    assert [key[-1] for key in stream.evaluator.state.models["m"].detectors] == ["adwin"]
    gone = [key for key, body in take_changes(stream.evaluator.state) if key[0] == "detector" and body is None]
    assert [key[-1] for key in gone] == ["page_hinkley"]


def test_a_monitor_that_asks_for_no_detector_has_none():
    stream = feed(change(WATCHED, detectors=()))
    stream.rows(START)
    stream.mark(START + 2 * HOUR)
    assert stream.evaluator.state.models["m"].detectors == {}


@pytest.mark.parametrize("family", DETECTORS)
def test_definitions_name_the_detectors_that_there_are(family):
    of_errors = {kind.value for kind in Kind}
    of_inputs = of_errors - {Kind.DDM.value} | {KSWIN}
    assert set(DETECTORS[family]) == (of_errors if family == "performance" else of_inputs)
