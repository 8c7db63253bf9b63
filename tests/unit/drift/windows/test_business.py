"""What business metrics of a window are held against: limits, the windows before, the baseline."""

import dataclasses

import pytest

from driftline.drift.baseline import fit_baseline, with_metrics
from driftline.drift.profile import Layout, Profile
from driftline.drift.sqlmetrics import numbers
from driftline.drift.windows import business
from driftline.drift.windows.policies import explained
from driftline.drift.windows.window import Held, Side, Window, WindowKey
from driftline.events import (
    ColumnKind,
    Direction,
    MetricType,
    Monitor,
    MonitorColumn,
    MonitorMetric,
    Part,
    Policy,
    Threshold,
)
from tests.builders import monitor_of

HOUR = 3_600_000_000
VALUES = [1.0, 2.0, 3.0, 2.0]
METRICS = (
    MonitorMetric(name="total", definition="sum(amount)"),
    MonitorMetric(name="mean", definition="avg({{input_column}})", input_columns=("amount", "size")),
    MonitorMetric(name="error", definition="avg({{prediction_col}} - {{label_col}})"),
    MonitorMetric(name="moved", definition="{{current_df}}.total - {{base_df}}.total", type=MetricType.DRIFT),
)
KINDS = dict.fromkeys(("amount", "size", ":prediction"), ColumnKind.NUMERIC)
FITTED = dict.fromkeys(KINDS, VALUES)
PLAIN = fit_baseline("m", FITTED, KINDS)
MONITOR = monitor_of(
    columns=tuple(MonitorColumn(name=name, kind=kind) for name, kind in KINDS.items()),
    baseline_id=PLAIN.baseline_id,
    labels=True,
    granularities=("1 hour", "1 day"),
    minimum_n=2,
    metrics=METRICS,
)
LAYOUT = Layout.of(MONITOR, PLAIN)


def limited(name, limit, direction=Direction.ABOVE, **more) -> Monitor:
    found = Threshold(family="business", measure=name, limit=limit, direction=direction, **more)
    return dataclasses.replace(MONITOR, thresholds=(found,))


def window(hour=0, granularity="1 hour") -> Window:
    return Window(key=WindowKey((hour + 1) * HOUR, granularity, "1", "", hour * HOUR))


def profile(part: Part, amounts: list[float]) -> Profile:
    """Rows (of a label part: pairs that are off by their amount) of these amounts."""
    assert LAYOUT.program is not None
    columns = {"amount": numbers(amounts), "size": numbers([2 * each for each in amounts])}
    columns |= {":prediction": numbers(amounts), ":label": numbers([0.0] * len(amounts))}
    plan = LAYOUT.program.inputs if part is Part.INPUTS else LAYOUT.program.pairs
    empty = Profile.zero(LAYOUT.shape(part))
    return dataclasses.replace(empty, rows=len(amounts), metrics=plan.partial(columns, len(amounts)))


def measured(monitor=MONITOR, *, of=None, amounts=VALUES, pairs=(), side=Side.INPUTS, base=None):
    counted = {"inputs": profile(Part.INPUTS, list(amounts)), "pairs": profile(Part.IN_TIME, list(pairs))}
    found = business.measured(monitor, LAYOUT, of or window(), side, **counted, base=base)
    return {(each.name, each.column): each for each in found}


def remembered(hour, amounts, known=None, monitor=MONITOR):
    made = window(hour)
    made.held[Side.INPUTS] = business.held(monitor, LAYOUT, made, known)
    counted = {"inputs": profile(Part.INPUTS, list(amounts)), "pairs": profile(Part.IN_TIME, [])}
    return business.remembered(monitor, LAYOUT, made, known, Side.INPUTS, **counted)


def test_metrics_of_inputs_are_told_at_data_close_and_those_of_labels_at_label_close():
    assert {key: each.value for key, each in measured().items()} == {
        ("total", None): 8.0,
        ("mean", "amount"): 2.0,
        ("mean", "size"): 4.0,
        ("moved", None): None,
        ("moved:previous", None): None,
    }
    labelled = measured(side=Side.LABELS, pairs=[1.0, 2.0])
    assert {key: (each.value, each.n) for key, each in labelled.items()} == {("error", None): (1.5, 2)}


@pytest.mark.parametrize(
    ("monitor", "key", "limit", "violated"),
    [
        (limited("total", 8), ("total", None), 8, False),
        (limited("total", 7.5), ("total", None), 7.5, True),
        (limited("total", 7.5, granularity="1 day"), ("total", None), None, False),
        (limited("total", 1500, per_rows=1000), ("total", None), 6, True),  # 2,000 for a thousand rows; 6 for these four
        (limited("mean", 3, column="size"), ("mean", "size"), 3, True),
        (limited("mean", 3, column="size"), ("mean", "amount"), None, False),
        (limited("total", -9, Direction.BELOW), ("total", None), -9, False),
        (limited("total", 7.5), ("moved", None), None, False),
    ],
)
def test_a_limit_holds_for_its_metric_column_and_granularity(monitor, key, limit, violated):
    found = measured(monitor)[key]
    assert (found.limit, found.violated) == (limit, violated)


def test_nothing_is_checked_below_the_minimum_of_rows_or_half_of_the_labels():
    monitor = limited("error", 1)
    few = measured(monitor, amounts=VALUES, pairs=[3.0], side=Side.LABELS)["error", None]
    assert (few.value, few.limit, few.violated) == (3.0, None, False)
    enough = measured(monitor, amounts=VALUES, pairs=[3.0, 3.0], side=Side.LABELS)["error", None]
    assert (enough.limit, enough.violated) == (1, True)
    sparse = measured(monitor, amounts=[1.0] * 5, pairs=[3.0, 3.0], side=Side.LABELS)["error", None]
    assert (sparse.limit, sparse.violated) == (None, False)


def test_the_window_before_is_the_one_that_ends_where_this_one_begins():
    known = remembered(0, [1.0, 4.0])
    for hour, previous in ((1, 3.0), (2, None)):
        made = window(hour)
        made.held[Side.INPUTS] = business.held(MONITOR, LAYOUT, made, known)
        assert measured(of=made)["moved:previous", None].value == previous


def test_the_baseline_has_values_of_the_metrics_that_it_was_fitted_with():
    fitted = with_metrics(PLAIN, MONITOR, FITTED)
    assert fitted.baseline_id != PLAIN.baseline_id
    base = business.of_baseline(LAYOUT, fitted)
    assert measured(amounts=[10.0, 1.0], base=base)["moved", None].value == 3.0
    other = dataclasses.replace(MONITOR, metrics=METRICS[2:3])
    assert business.of_baseline(Layout.of(other, PLAIN), fitted) is None
    assert business.of_baseline(LAYOUT, PLAIN) is None
    assert business.of_baseline(LAYOUT, dataclasses.replace(fitted, metrics=b"torn")) is None


def test_a_band_follows_decided_windows_of_the_same_layout():
    monitor = limited("total", 2, Direction.OUTSIDE, windows=8)
    known = None
    for hour, total in enumerate([10.0, 11.0, 9.0] * 3 + [99.0]):
        known = remembered(hour, [total, 0.0], known, monitor)
    assert known is not None
    assert known.past == {("total", ":table"): (11.0, 9.0, 10.0, 11.0, 9.0, 10.0, 11.0, 9.0)}  # the last eight, 99 left out
    made = window(10)
    ((name, column, *band),) = business.held(monitor, LAYOUT, made, known).bands
    median, mad = 10.0, 1.0
    assert (name, column) == ("total", ":table")
    assert band == pytest.approx([median - 2 * 1.4826 * mad, median + 2 * 1.4826 * mad])
    assert business.held(monitor, LAYOUT, made, dataclasses.replace(known, layout="another")) == Held()


def test_what_decides_is_told_in_words_beside_a_tolerance_too():
    monitor = limited("total", 4, Direction.OUTSIDE, windows=28)
    words = "total off by more than 4 MAD of the last 28 windows (business)."
    assert explained(monitor, PLAIN, 200) == [f"Limits are in force: {words}"]
    tolerant = explained(dataclasses.replace(monitor, policy=Policy.TOLERANCE), PLAIN, 200)
    assert tolerant[-1] == f"Limits hold besides: {words}"
