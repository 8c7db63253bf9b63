"""What a window is compared with besides its baseline, through the real evaluator; and its rows for tables."""

import dataclasses
import math

import pytest
from scipy import stats

from driftline.drift.windows import key_bytes, key_of, restore, take_changes
from driftline.drift.windows.rows import drift_metrics, features, profile_metrics
from driftline.drift.windows.versions import side_by_side
from driftline.events import (
    Decision,
    Direction,
    DriftCleared,
    DriftDetected,
    MonitorReference,
    MonitorSlice,
    Policy,
    Reference,
    Threshold,
    WindowReport,
)
from tests.unit.drift.windows.building import DAY, HOUR, MINUTE, MONITOR, NOW, START, book_of, change, feed, layout_of

WEEK = 7 * DAY
CONSECUTIVE, SEASON = Reference.CONSECUTIVE, Reference.SEASON


def watched(granularities=("1 hour",), references=(CONSECUTIVE,), **changes):
    found = tuple(MonitorReference(reference=reference, granularities=tuple(granularities)) for reference in references)
    return change(
        MONITOR, granularities=tuple(granularities), alert_on=granularities[0], labels=False, references=found, **changes
    )


def hourly(stream, *hours, start=START):
    """Rows of AA and UA, hour by hour."""
    for hour, (left, right) in enumerate(hours):
        stream.rows(start + hour * HOUR + 10 * MINUTE, {"AA": left, "UA": right})
    stream.mark(start + len(hours) * HOUR + 10 * MINUTE)
    return stream


def decided(stream):
    return [report for report in stream.told(WindowReport) if report.decision is Decision.INPUTS]


def psi_of(comparison):
    return next(m for m in comparison.measures if (m.name, m.column) == ("psi", "carrier"))


def test_a_window_is_held_against_the_one_before_with_the_same_limits_and_a_story_of_its_own():
    stream = hourly(feed(watched()), (500, 500), (500, 500), (950, 50), (950, 50), (950, 50))
    first, second, third, *_ = decided(stream)
    (before,) = first.comparisons
    assert (before.reference, before.start, before.end, before.n, before.measures) == (CONSECUTIVE, START - HOUR, START, 0, ())
    assert psi_of(second.comparisons[0]).value == 0.0
    assert psi_of(third.comparisons[0]).value == pytest.approx(2 * 0.45 * math.log(0.95 / 0.05) / 2, rel=1e-3)
    told = [(type(event).__name__, event.reference) for event in stream.told((DriftDetected, DriftCleared))]
    assert told == [
        ("DriftDetected", Reference.BASELINE),
        ("DriftDetected", CONSECUTIVE),
        ("DriftCleared", CONSECUTIVE),  # two windows like the one before; against the baseline it lasts
    ]
    jump = stream.told(DriftDetected)[1]
    assert jump.risk_score == 100.0  # of its own checks
    assert "feature drift over 1 hour against the window before, 1 of 1 column drifted" in jump.summary


def test_the_same_hour_of_last_week_is_kept_until_its_last_use_and_then_let_go():
    monitor = watched(references=(SEASON,), minimum_n=100)
    stream = feed(monitor)
    for day in range(9):
        hourly(stream, *[(900, 100) if hour == 12 else (100, 900) for hour in range(24)], start=START + day * DAY)
    by_start = {report.start: report for report in decided(stream)}
    noon = by_start[START + WEEK + 12 * HOUR]
    (found,) = noon.comparisons
    assert (found.reference, found.start, found.n) == (SEASON, START + 12 * HOUR, 1000)
    assert psi_of(found).value == 0.0  # noon is like noon, and like no other hour
    assert by_start[START + 5 * DAY].comparisons[0].measures == ()
    (model,) = stream.evaluator.state.models.values()
    for day in range(9, 14):
        stream.mark(START + day * DAY + HOUR)
    kept = [span for span in model.panes.spans() if span.end - span.start == HOUR]
    assert START + 3 * DAY <= min(span.start for span in kept) <= START + 6 * DAY  # a week, and some slack


def test_slices_are_compared_with_their_baseline_only():
    monitor = watched(slices=(MonitorSlice(columns=("carrier",)),))
    stream = feed(monitor)
    stream.layout = layout_of(monitor)
    hourly(stream, (500, 500), (500, 500))
    assert all(report.comparisons for report in decided(stream))


def test_a_reference_that_a_monitor_no_longer_names_ends_its_episodes():
    first = watched()
    second = change(first, monitor_version=2, references=(), effective_from=START + 3 * HOUR)
    book = book_of(first)
    book.add_monitor(second, NOW - HOUR)
    stream = hourly(feed(first, book=book), (500, 500), (950, 50), (50, 950), (50, 950), (50, 950))
    cleared = [event for event in stream.told(DriftCleared) if event.reference is CONSECUTIVE]
    assert [event.reason.value for event in cleared] == ["SUPERSEDED"]


def test_under_a_tolerance_neighbours_share_the_budget_and_a_restart_changes_nothing():
    monitor = watched(policy=Policy.TOLERANCE, tolerated_false_pages=30.0, tolerated_psi=0.02, thresholds=(), minimum_n=100)
    hours = [(500, 500)] * 3 + [(700, 300)] * 3
    whole = hourly(feed(monitor), *hours)
    jump = decided(whole)[3]
    tested = psi_of(jump.comparisons[0])
    assert tested.violated
    assert tested.p_value < 1e-4
    assert [level.family for level in jump.comparisons[0].levels] == ["feature", "prediction"]
    later = decided(whole)[4]
    assert not psi_of(later.comparisons[0]).violated
    stopped = feed(monitor)
    for hour, (left, right) in enumerate(hours):
        stopped.rows(START + hour * HOUR + 10 * MINUTE, {"AA": left, "UA": right})
        kept = [(key_of(key_bytes(key)), body) for key, body in take_changes(stopped.evaluator.state) if body is not None]
        stopped.kept.update(kept)
        rules = stopped.evaluator._rules
        stopped.evaluator.state = restore(stopped.kept.items(), rules.layout)
    stopped.mark(START + len(hours) * HOUR + 10 * MINUTE)
    assert decided(stopped) == decided(whole)


def test_windows_that_hop_count_every_row_as_often_as_they_overlap():
    stream = feed(watched(("2 hours every 30 minutes",)))
    for part in range(12):
        stream.rows(START + part * 30 * MINUTE, {"AA": 10 + part, "UA": 10})
    stream.mark(START + DAY)
    reports = [report for report in stream.told(WindowReport) if report.revision == 1]
    assert sum(report.n for report in reports) == 4 * sum(20 + part for part in range(12))
    whole = next(report for report in reports if report.start == START)
    assert (whole.end, whole.n) == (START + 2 * HOUR, sum(20 + part for part in range(4)))
    (before,) = next(report for report in reports if report.start == START + 2 * HOUR).comparisons
    assert (before.start, before.n) == (START, whole.n)


GRANULARITIES = ("1 minute", "5 minutes", "30 minutes", "2 weeks", "1 month", "12 months")


@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Paris"])
def test_windows_from_a_minute_to_a_year_close_decide_and_end(granularity, zone):
    monitor = watched((granularity,), time_zone=zone)
    stream = feed(monitor)
    pane = layout_of(monitor).pane_us
    step = max(pane, 5 * MINUTE)
    for turn in range(60):
        stream.rows(START + turn * step, {"AA": 3, "UA": 2})
    stream.mark(START + 800 * DAY)
    stream.mark(START + 1600 * DAY)
    finals = [report for report in stream.told(WindowReport) if report.final]
    assert sum(report.n for report in finals) == 300
    assert all(report.exact and report.revision >= 2 for report in finals)
    assert sum(report.n for report in decided(stream)) == 300
    assert not list(next(iter(stream.evaluator.state.models.values())).panes.spans())


def test_a_day_of_23_hours_and_one_of_25_are_one_window_each():
    monitor = watched(("1 day",), time_zone="America/New_York")
    march = START + 9 * DAY + 5 * HOUR  # midnight of 10 March 2013 in New York
    stream = feed(monitor)
    for hour in range(48):
        stream.rows(march + hour * HOUR, {"AA": 1, "UA": 1})
    stream.mark(march + 4 * DAY)
    sizes = {report.start: (report.end - report.start, report.n) for report in decided(stream)}
    assert sizes[march] == (23 * HOUR, 46)
    assert sizes[march + 23 * HOUR] == (DAY, 48)


def test_rows_have_the_names_of_lakehouse_tables():
    stream = hourly(
        feed(watched(thresholds=(Threshold(family="feature", measure="js", limit=0.15, direction=Direction.ABOVE),))),
        (500, 500),
        (950, 50),
    )
    report = decided(stream)[1]
    table, prediction, carrier = profile_metrics(report)
    assert (table["column_name"], table["count"], table["log_type"], table["slice_key"]) == (":table", 1000, "INPUT", None)
    assert table["window.start"] == "2013-03-01T01:00:00.000000Z"
    assert (prediction["column_name"], carrier["column_name"]) == (":prediction", "carrier")
    assert carrier["percent_null"] == 0.0
    rows = drift_metrics(report)
    kinds = [(row["drift_type"], row["column_name"]) for row in rows]
    assert kinds == [
        ("BASELINE", ":prediction"), ("BASELINE", "carrier"), ("CONSECUTIVE", ":prediction"), ("CONSECUTIVE", "carrier"),
    ]  # fmt: skip
    neighbour = rows[3]
    assert neighbour["chi_squared_test.pvalue"] == pytest.approx(
        stats.chi2_contingency([[500, 500], [950, 50]], correction=False).pvalue
    )
    assert neighbour["tv_distance"] == pytest.approx(0.45)
    assert neighbour["count_delta"] == 0
    assert neighbour["window_cmp.start"] == "2013-03-01T00:00:00.000000Z"
    assert neighbour["violated"] == ["js_distance"]
    assert {"js_distance", "population_stability_index", "percent_null_delta"} <= neighbour.keys()


def test_features_leave_out_what_the_model_said_and_begin_with_the_furthest():
    stream = hourly(
        feed(watched(thresholds=(Threshold(family="feature", measure="js", limit=0.15, direction=Direction.ABOVE),))),
        (500, 500),
        (950, 50),
    )
    found = features(decided(stream)[1])
    assert (found["violations"], found["total_features_checked"]) == (1, 1)
    assert [row["column_name"] for row in found["details"]] == ["carrier"]
    assert features(decided(stream)[1], Reference.BASELINE)["total_features_checked"] == 1


def test_slices_in_rows_are_keys_and_values():
    report = decided(hourly(feed(watched()), (500, 500), (500, 500)))[1]

    def place(name):
        row = profile_metrics(dataclasses.replace(report, slice=name))[0]
        return row["slice_key"], row["slice_value"]

    assert place("") == (None, None)
    assert place("contract=Month-to-month") == ("contract", "Month-to-month")
    assert place("tenure > 12") == ("tenure > 12", "true")
    assert place("(tenure > 12) IS NOT TRUE") == ("tenure > 12", "false")


def test_versions_of_a_window_stand_side_by_side():
    monitor = watched(references=())
    stream = feed(monitor)
    stream.rows(START, {"AA": 600, "UA": 600}, version="1")
    stream.rows(START + MINUTE, {"AA": 900, "UA": 100}, version="2")
    stream.rows(START + HOUR + MINUTE, {"AA": 100, "UA": 100}, version="2")
    stream.mark(START + 3 * HOUR)
    layout = layout_of(monitor)
    first, second = side_by_side(decided(stream), lambda _: layout)
    assert (first.model_version, first.n, first.against, first.columns) == ("1", 1200, None, ())
    assert (second.model_version, second.against) == ("2", "1")
    assert [one.column for one in second.columns] == ["carrier", ":prediction"]
    assert second.columns[0].psi > 0.5
    assert second.columns[0].p_value < 1e-6
    assert second.columns[1].p_value > 0.5
    assert side_by_side(decided(stream), lambda _: None)[1].columns == ()
