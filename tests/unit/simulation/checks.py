"""What must be true of every schedule, and what of the orderly ones."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from driftline.drift.fairness import OF_OUTCOMES, OF_PREDICTIONS
from driftline.drift.profile import Layout, Profile
from driftline.events import CheckExecution, CheckStatus, CheckTrigger, ClosedBy, Decision, DriftDetected, Part, WindowReport
from tests.unit.simulation.events import aged, remark
from tests.unit.simulation.world import BASELINE, HOUR, TOLD, World, counts_of, input_measures, label_measures


def check_final_counts(world: World) -> None:
    """Every window is final, exact, and equal to the batch computation, integer for integer."""
    expected, reports = world.expected(), world.reports()
    assert reports.keys() == expected.keys()
    for key, revisions in reports.items():
        last = revisions[-1]
        assert last.final, key
        assert last.exact, key
        assert last.late_after_final == 0, key
        assert counts_of(last, world.monitors[last.model_id]) == expected[key], key


def check_revisions(world: World) -> None:
    """Revisions are contiguous and never repeated; each window is decided at most twice, and never after it is final."""
    for key, revisions in world.reports().items():
        assert [report.revision for report in revisions] == list(range(1, len(revisions) + 1)), key
        assert [report.final for report in revisions].count(True) == 1, key
        decided = Counter(report.decision for report in revisions)
        assert decided[Decision.INPUTS] <= 1, key
        assert decided[Decision.PERFORMANCE] <= 1, key
        if revisions[0].closed_by is ClosedBy.LATE:
            assert set(decided) == {Decision.NONE}, key


def check_episodes(world: World) -> None:
    """Sequences are contiguous from 1 within an episode; nothing is told twice."""
    sequences: dict[str, list[int]] = {}
    for event in world.told("drift-events"):
        sequences.setdefault(event.episode_id, []).append(event.sequence)
    for episode, found in sequences.items():
        assert found == list(range(1, len(found) + 1)), episode


def check_identity(world: World) -> None:
    """Every record that stage 2 tells has a ce_id of its own."""
    for topic in TOLD:
        ids = [dict(record.headers() or ())["ce_id"] for record in world.cluster.records(f"driftline.{topic}")]
        assert len(ids) == len(set(ids)), topic


def endings(world: World) -> list[CheckExecution]:
    """Checks that ended."""
    return [check for check in world.told("checks") if check.status is not CheckStatus.RUNNING]


def check_checks(world: World) -> None:
    """Every check ends once; ranges of a schedule follow each other without gap or overlap; every request is answered."""
    assert max(Counter(check.check_id for check in endings(world)).values()) == 1
    assert {check.request_id for check in endings(world)} - {""} == set(world.asked)
    ranges: dict[str, set[tuple[int, int]]] = {}
    for check in endings(world):
        if check.trigger is CheckTrigger.SCHEDULED:
            ranges.setdefault(check.model_id, set()).add((check.start, check.end))
    for model, found in ranges.items():
        ordered = sorted(found)
        assert all(before[1] == after[0] for before, after in pairwise(ordered)), model


def scheduled(world: World) -> dict:
    """What scheduled checks found where there were rows."""
    return {
        check.check_id: (check.model_version, check.start if check.n else 0, check.end, check.status, check.n, check.failing)
        for check in endings(world)
        if check.trigger is CheckTrigger.SCHEDULED and check.n
    }


def check_counts_of_checks(world: World) -> None:
    """The rows of every scheduled check are those of a batch count of its range."""
    expected = world.expected()
    for check in endings(world):
        if check.trigger is CheckTrigger.SCHEDULED:
            rows = sum(
                counts.rows
                for (model, version, granularity, start, name), counts in expected.items()
                if (model, granularity, name) == (check.model_id, "1 hour", "")
                and version == (check.model_version or version)
                and check.start <= start < check.end
            )
            assert check.n == rows, check


def decisions(world: World) -> dict:
    """What was decided, without how it came about."""
    found = {}
    for key, revisions in world.reports().items():
        for report in revisions:
            if report.decision is not Decision.NONE:
                found[key, report.decision] = _content(report)
    return found


def drift(world: World) -> dict:
    """The story of every episode."""
    found: dict[str, list] = {}
    for event in world.told("drift-events"):
        columns = tuple((c.column, c.measure, c.value) for c in event.columns) if isinstance(event, DriftDetected) else ()
        told = (type(event).__name__, event.sequence, event.alert, event.window_start, event.window_end, columns)
        found.setdefault(event.episode_id, []).append(told)
    return found


def _content(report: WindowReport) -> tuple:
    return (
        report.n,
        report.cells,
        report.label_cells if report.decision is Decision.PERFORMANCE else b"",
        report.closed_by,
        report.completeness,
        report.risk_score,
        report.severity,
        tuple(
            m
            for m in report.measures
            if report.decision is Decision.PERFORMANCE or m.column or m.family in ("business", "multivariate")
        ),
    )


def check_times_and_texts(world: World) -> None:
    """Ages and lengths of every final window are those of its rows, cell for cell."""
    found: dict[tuple, dict[str, Counter]] = {}
    for _, _, row in world.sent:
        if row.carrier:
            start = row.time // HOUR * HOUR
            window = found.setdefault((row.model, row.version, "1 hour", start, ""), {"booked": Counter(), "remark": Counter()})
            text = remark(row)
            window["booked"][str(aged(row))] += 1
            window["remark"]["None" if text is None else str(float(len(text)))] += 1
    for key, window in found.items():
        last = world.reports()[key][-1]
        layout = Layout.of(world.monitors[last.model_id], BASELINE)
        profile = Profile.decode(layout, Part.INPUTS, last.n, last.cells, last.sums)
        for name, counts in window.items():
            block = layout.by_column[name]
            values = [str(value) for value in (block.minimum, *block.edges)]  # each is a cell of its own
            assert profile.cells[block.null] == counts.pop("None", 0), key
            assert profile.cells[block.nan] == counts.pop("nan", 0), key
            cells = profile.cells[block.ordered].tolist()
            assert cells[1:-1] == [counts.pop(value, 0) for value in values], key
            assert cells[0] + cells[-1] == counts.total(), key


def check_all(world: World) -> None:
    """What holds for every schedule."""
    check_final_counts(world)
    check_revisions(world)
    check_episodes(world)
    check_identity(world)
    check_checks(world)


def check_slices(world: World) -> None:
    """The slices of each of three cuts add up to the window of all rows, cell for cell; nobody is told of their drift."""
    whole: dict[tuple, Profile] = {}
    parts: dict[tuple, list[Profile]] = {}
    for key, revisions in world.reports().items():
        report, place = revisions[-1], key[:-1]
        layout = Layout.of(world.monitors[report.model_id], BASELINE)
        inputs = Profile.decode(layout, Part.INPUTS, report.n, report.cells, report.sums)
        if not report.slice:
            whole[place] = inputs
        for at, cut in enumerate(layout.cuts):
            if report.slice in cut.names:
                parts.setdefault((place, at), []).append(inputs)
    assert len(parts) == 3 * len(whole)
    for (place, _), profiles in parts.items():
        assert Profile.total(whole[place].shape, profiles).same_counts(whole[place]), place
    assert not [event for event in world.told("drift-events") if event.slice and event.alert]
    check_groups(world)


def check_groups(world: World) -> None:
    """What a window of all rows says of a group is what the final window of its slice has counted."""
    last = {key: revisions[-1] for key, revisions in world.reports().items()}
    for key, report in last.items():
        if key[-1]:
            continue
        told = {(m.name, m.column): m for m in report.measures if m.family in (OF_PREDICTIONS, OF_OUTCOMES)}
        layout = Layout.of(world.monitors[report.model_id], BASELINE)
        for group in ("carrier=AA", "carrier=UA"):
            own = last.get((*key[:-1], group))
            rate, accuracy = told["selection_rate", group], told.get(("accuracy", group))
            assert (rate.n, rate.value) == ((0, None) if own is None else (own.n, float(group.endswith("AA"))))
            if own is not None and accuracy is not None:
                pairs = Profile.decode(layout, Part.IN_TIME, own.labels_in_time, own.label_cells, b"")
                right = int(layout.pairs.confusion(pairs.cells).trace())
                assert (accuracy.n, accuracy.value) == (pairs.rows, right / pairs.rows if pairs.rows else None)


def check_functions(world: World) -> None:
    """Every report equals its function recomputed from what it names."""
    for revisions in world.reports().values():
        for report in revisions:
            monitor = world.monitors[report.model_id]
            layout = Layout.of(monitor, BASELINE)
            inputs = Profile.decode(layout, Part.INPUTS, report.n, report.cells, report.sums)
            pairs = Profile.decode(layout, Part.IN_TIME, report.labels_in_time, report.label_cells, b"")
            measures = input_measures(layout, BASELINE, monitor, inputs)
            labels = label_measures(layout, monitor, pairs, rows=report.n, baseline=BASELINE)
            told = tuple(m for m in report.measures if not m.family.endswith(("_change", "fairness")))
            assert told in (measures, (*measures, *labels))
            in_force = world.book.version(report.model_id, report.monitor_version)
            assert in_force is not None
            if report.n < in_force.minimum_n:
                assert (report.risk_score, report.severity, report.decision) == (None, None, Decision.NONE)
