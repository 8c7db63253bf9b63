"""Business metrics of the simulated models: their SQL, what a single row adds, and what whole windows must come to."""

from __future__ import annotations

import dataclasses
from functools import cache

from driftline.drift.profile import Layout, Partial
from driftline.drift.sqlmetrics import Program
from driftline.events import Direction, MetricType, Monitor, MonitorMetric, Threshold, WindowReport
from tests.unit.simulation.events import MODELS, Counts
from tests.unit.simulation.world import BASELINE, World, monitor_of

METRICS = (
    MonitorMetric(name="rows", definition="count(*)"),
    MonitorMetric(name="american", definition="count_if(carrier = 'AA')"),
    MonitorMetric(name="united", definition="sum(CASE WHEN lower(carrier) LIKE 'u%' THEN 3 ELSE 0 END)"),
    MonitorMetric(name="share", definition="american / rows", type=MetricType.DERIVED),
    MonitorMetric(name="moved", definition="{{current_df}}.share - {{base_df}}.share", type=MetricType.DRIFT),
    MonitorMetric(name="wrong", definition="count_if({{prediction_col}} <> {{label_col}})"),
    MonitorMetric(
        name="cost", definition="sum(CASE WHEN {{label_col}} = 'late' THEN -7 ELSE 0 END) FILTER (WHERE carrier LIKE '%')"
    ),
    MonitorMetric(name="worse", definition="{{current_df}}.wrong - {{base_df}}.wrong", type=MetricType.DRIFT),
)


def _limit(name: str, limit: float, direction: Direction, **more) -> Threshold:
    return Threshold(family="business", measure=name, limit=limit, direction=direction, **more)


LIMITS = (
    _limit("american", 1, Direction.ABOVE, granularity="1 hour"),
    _limit("share", 1, Direction.OUTSIDE, windows=28),
    _limit("cost", 6, Direction.MAGNITUDE),
    _limit("wrong", 1, Direction.ABOVE, windows=28),
)


def metered(*, patient: bool, **changes) -> dict[str, Monitor]:
    """The usual monitors, with metrics."""
    found = {model: monitor_of(model, patient=patient, **changes) for model in MODELS}
    return {
        model: dataclasses.replace(monitor, metrics=METRICS, thresholds=(*monitor.thresholds, *LIMITS))
        for model, monitor in found.items()
    }


@cache
def program_of(model: str) -> Program:
    program = Layout.of(metered(patient=True)[model], BASELINE).program
    assert program is not None
    return program


def check_metrics(world: World) -> None:
    """What the last report of every window says of its metrics is what the batch computation says, integer for integer."""
    expected = world.expected()
    for key, revisions in world.reports().items():
        report = revisions[-1]
        assert _values(report) == _expected(expected[key]), key
        told = {measure.name: measure.value for measure in report.measures if measure.family == "business"}
        assert told["american"] == dict(expected[key].carriers).get("AA", 0), key
        assert {name for name in told if name != "rows"} >= {
            "share",
            "moved",
            "moved:previous",
            "wrong",
            "worse",
            "worse:previous",
        }


def _values(report: WindowReport) -> dict[str, float | None]:
    program = program_of(report.model_id)
    inputs, pairs = (
        Partial.empty(plan.room) if data is None else Partial.decode(plan.room, data)
        for plan, data in ((program.inputs, report.metrics), (program.pairs, report.label_metrics))
    )
    assert (inputs.rows, pairs.rows) == (report.n, report.labels_in_time)
    return {name: value.value for (name, _), value in program.finish(inputs, pairs).items()}


def _expected(counts: Counts) -> dict[str, float | None]:
    carriers = dict(counts.carriers)
    pairs = sum(n for _, n in counts.in_time)
    return {
        "rows": counts.rows,
        "american": carriers.get("AA", 0),
        "united": 3.0 * carriers.get("UA", 0),
        "share": carriers.get("AA", 0) / counts.rows,
        "wrong": sum(n for (guess, truth), n in counts.in_time if guess != truth),
        "cost": -7.0 * sum(n for (_, truth), n in counts.in_time if truth == "late") if pairs else None,
    }
