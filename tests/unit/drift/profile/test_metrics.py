"""Business metrics beside the cells of a profile: rows tallied by group, sums that add, bytes that are refused."""

import dataclasses

import duckdb
import numpy as np
import pandas as pd
import pytest

from driftline.avro.odd_rows import column_of
from driftline.drift.baseline import fit_baseline
from driftline.drift.profile import ALL_ROWS, Layout, MalformedProfile, Partial, Profile, Tally
from driftline.drift.slices import Slicer
from driftline.events import ColumnKind, MetricType, MonitorColumn, MonitorMetric, MonitorSlice, Part
from tests.builders import monitor_of

HOUR = 3_600_000_000
KINDS = {"amount": ColumnKind.NUMERIC, "city": ColumnKind.CATEGORICAL}
ROWS = 4000
RANDOM = np.random.default_rng(5)
AMOUNT = [None if RANDOM.random() < 0.1 else float(RANDOM.integers(-20, 200)) for _ in range(ROWS)]
CITY = [None if RANDOM.random() < 0.05 else str(RANDOM.choice(["Rome", "Oslo", "Bern"])) for _ in range(ROWS)]
TIMES = RANDOM.integers(0, 3 * HOUR, ROWS)
BASELINE = fit_baseline("m", {"amount": AMOUNT, "city": CITY}, KINDS)
METRICS = (
    MonitorMetric(name="total", definition="sum(CASE WHEN city = 'Rome' THEN amount ELSE 0 END)"),
    MonitorMetric(name="lowest", definition="min(amount) + max(amount)"),
    MonitorMetric(name="spread", definition="stddev(amount)"),
    MonitorMetric(name="r", definition="count_if(lower(city) LIKE 'r%')"),
    MonitorMetric(name="rows", definition="count(*)"),
)
MONITOR = monitor_of(
    columns=tuple(MonitorColumn(name=name, kind=kind) for name, kind in KINDS.items()),
    baseline_id=BASELINE.baseline_id,
    labels=True,
    granularities=("1 hour",),
    metrics=METRICS,
    slices=(MonitorSlice(columns=("city",)), MonitorSlice(where="amount > 100")),
)


def layout(**changes) -> Layout:
    return Layout.of(dataclasses.replace(MONITOR, **changes), BASELINE)


def tallied(found: Layout, chosen: np.ndarray, parts: int = 3):
    """Profiles of the chosen rows, counted in parts."""
    tally, slicer = Tally(found), Slicer(found)
    columns = {"amount": column_of(dict(enumerate(AMOUNT)), ROWS), "city": column_of(dict(enumerate(CITY)), ROWS)}
    for rows in np.array_split(chosen, parts):
        tally.add(np.zeros(ROWS, np.uint64), TIMES, columns, rows, slicer.codes(columns, rows))
    return tally.profiles()


def values(found: Layout, profile: Profile) -> dict[str, float | None]:
    assert found.program is not None
    return {name: value.value for (name, _), value in found.program.finish(profile.metrics).items()}


@pytest.mark.parametrize("share", [1.0, 0.3])
def test_every_group_is_what_duckdb_counts_of_its_rows(share):
    found = layout()
    chosen = np.flatnonzero(np.random.default_rng(1).random(ROWS) < share)
    profiles = tallied(found, chosen)
    frame = pd.DataFrame({"amount": AMOUNT, "city": CITY, "pane": TIMES // HOUR * HOUR}).iloc[chosen]
    with duckdb.connect() as connection:
        connection.register("frame", frame)
        for name, where in ((ALL_ROWS, "true"), ("city=Oslo", "city = 'Oslo'"), ("amount > 100", "amount > 100")):
            wanted = connection.execute(
                "SELECT pane, sum(CASE WHEN city = 'Rome' THEN amount ELSE 0 END), min(amount) + max(amount), stddev(amount), "
                f"count_if(lower(city) LIKE 'r%'), count(*) FROM frame WHERE {where} GROUP BY pane"
            ).fetchall()
            assert len(wanted) == 3
            for pane, *expected in wanted:
                assert list(values(found, profiles[0, name, pane]).values()) == pytest.approx(expected, rel=1e-9)


def test_the_slices_of_a_cut_add_up_to_all_rows():
    found = layout()
    profiles = tallied(found, np.arange(ROWS))
    for cut in found.cuts:
        parts = [profile for (_, name, pane), profile in profiles.items() if name in cut.names and pane == HOUR]
        whole = values(found, Profile.total(found.shape(Part.INPUTS), parts))
        assert whole == pytest.approx(values(found, profiles[0, ALL_ROWS, HOUR]))


def test_a_profile_comes_back_from_its_bytes_with_its_metrics():
    found = layout()
    profile = tallied(found, np.arange(ROWS))[0, ALL_ROWS, 0]
    again = Profile.from_event(found, profile.to_event(ALL_ROWS, 0))
    assert again.metrics is not None
    assert again.encode_metrics() == profile.encode_metrics()
    twice = again + profile
    assert values(found, twice)["rows"] == 2 * profile.rows
    assert values(found, twice)["lowest"] == values(found, profile)["lowest"]


def test_metrics_of_another_program_and_metrics_where_there_are_none_are_malformed():
    found, other = layout(), layout(metrics=METRICS[:2])
    event = tallied(found, np.arange(ROWS))[0, ALL_ROWS, 0].to_event(ALL_ROWS, 0)
    with pytest.raises(MalformedProfile):
        Profile.from_event(other, event)
    with pytest.raises(MalformedProfile, match="has no metrics"):
        Profile.from_event(layout(metrics=()), event)
    with pytest.raises(MalformedProfile):
        Profile.from_event(found, dataclasses.replace(event, metrics=b"nonsense"))


def test_what_shapes_the_partials_is_part_of_the_layout_and_nothing_else():
    plain = layout()
    described = tuple(dataclasses.replace(metric, description="for people") for metric in METRICS)
    derived = MonitorMetric(name="mean", definition="total / rows", type=MetricType.DERIVED)
    assert layout(metrics=(*described, derived)).hash == plain.hash
    assert layout(metrics=METRICS[1:]).hash != plain.hash
    assert layout(metrics=()).hash != plain.hash
    assert layout(metrics=()).program is None


def test_labels_have_a_partial_of_their_own_plan():
    found = layout(metrics=(MonitorMetric(name="error", definition="avg(abs({{prediction_col}} - {{label_col}}))"),))
    assert found.program is not None
    assert (found.shape(Part.IN_TIME).room, found.shape(Part.LATER).room) == (found.program.pairs.room, None)
    assert found.shape(Part.INPUTS).room == found.program.inputs.room
    assert Partial.empty(found.program.pairs.room).room.sums == 1
