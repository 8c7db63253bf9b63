"""Pairs in the slices and business metrics of their predictions."""

import numpy as np
import pytest
from prometheus_client import REGISTRY

from driftline.drift.profile import Layout, Partial, Profile
from driftline.events import ColumnKind, MonitorMetric, MonitorSlice, Part
from tests.unit.services.drift.building import DAY, HOUR, START, Out, monitored
from tests.unit.services.drift.join.building import (
    DATA,
    KINDS,
    MONITOR,
    World,
    change,
    label,
    prediction,
)

BY_AGE = MonitorSlice(where="age > 50")
BY_SAID = MonitorSlice(columns=(":prediction",))


def slices_of(out: Out):
    """(monitor version, part, slice) -> pairs."""
    return {(each.monitor_version, pane.part, pane.slice): pane.rows for each in out.sets for pane in each.panes}


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("labels_first", [False, True])
def test_a_pair_is_counted_in_the_slices_of_its_prediction(restart, labels_first):
    world = World(change(MONITOR, slices=(BY_AGE, BY_SAID)))
    sends = [
        lambda: world.predict(prediction(0, age=60.0), prediction(1, said="no"), prediction(2, age=70.0, said="no")),
        lambda: world.label(label(0), label(1), label(2)),
    ]
    if labels_first:
        sends.reverse()
    sends[0]()
    assert slices_of(world.flush()) == {}
    if restart:
        world.restart()
    sends[1]()
    assert slices_of(world.flush()) == {
        (1, Part.IN_TIME, ""): 3,
        (1, Part.IN_TIME, "age > 50"): 2,
        (1, Part.IN_TIME, "(age > 50) IS NOT TRUE"): 1,
        (1, Part.IN_TIME, ":prediction=yes"): 1,
        (1, Part.IN_TIME, ":prediction=no"): 2,
    }


def test_predictions_of_monitor_versions_with_more_and_fewer_cuts_are_remembered_side_by_side():
    versions = ((), (BY_AGE, BY_SAID), (BY_SAID,))
    world = World(
        *(
            change(MONITOR, monitor_version=1 + i, effective_from=START + i * HOUR if i else -(2**63), slices=slices)
            for i, slices in enumerate(versions)
        )
    )
    world.clock.advance(4 * HOUR)
    for i in range(3):
        world.predict(prediction(i, time=START + i * HOUR, age=60.0))
        world.flush()
    world.restart()
    world.label(*(label(i, time=START + 3 * HOUR) for i in range(3)))
    assert slices_of(world.flush()) == {
        (1, Part.IN_TIME, ""): 1,
        (2, Part.IN_TIME, ""): 1,
        (2, Part.IN_TIME, "age > 50"): 1,
        (2, Part.IN_TIME, ":prediction=yes"): 1,
        (3, Part.IN_TIME, ""): 1,
        (3, Part.IN_TIME, ":prediction=yes"): 1,
    }


def test_a_pair_in_two_slices_is_one_pair_of_the_metrics():
    world = World(change(MONITOR, slices=(BY_AGE, BY_SAID)))
    before = REGISTRY.get_sample_value("driftline_drift_pairs_total", {"part": "IN_TIME"}) or 0
    world.predict(prediction())
    world.label(label())
    world.flush()
    assert REGISTRY.get_sample_value("driftline_drift_pairs_total", {"part": "IN_TIME"}) == before + 1


@pytest.mark.parametrize("restart", [False, True])
def test_pairs_are_cut_and_measured_by_ages_and_lengths(restart, tmp_path):
    kinds = KINDS | {"booked": ColumnKind.TIMESTAMP, "remark": ColumnKind.TEXT_LENGTH}
    data = DATA | {"booked": 3600.0 * np.arange(100), "remark": np.arange(100.0)}
    metrics = (
        MonitorMetric(name="waited", definition="avg(CASE WHEN label = 'yes' THEN booked END)"),
        MonitorMetric(name="told", definition="sum(CASE WHEN label = 'yes' THEN remark ELSE 0 END)"),
    )
    slices = (MonitorSlice(where="booked > 5400"),)
    wait = {"label_delay_us": DAY, "label_ttl_us": 3 * DAY, "future_skew_us": 30 * DAY}
    monitor, baseline = monitored(kinds, data, metrics=metrics, slices=slices, **wait)
    world = World(monitor, baseline=baseline, folder=tmp_path)
    world.predict(
        prediction(0, booked=float(START - HOUR), remark="gr\u00fc\u00df"),
        prediction(1, booked="2015-08-19T14:00:00Z", remark="x" * 300),
        prediction(2, booked="some day", remark=None),
    )
    world.flush()
    if restart:
        world.restart()
    world.label(label(0), label(1), label(2, value="no"))
    out = world.flush()
    layout = Layout.of(monitor, baseline)
    found = {event.slice: Profile.from_event(layout, event) for each in out.sets for event in each.panes}
    assert {name: profile.rows for name, profile in found.items()} == {
        "": 3,
        "booked > 5400": 1,
        "(booked > 5400) IS NOT TRUE": 2,
    }
    assert layout.program is not None
    values = layout.program.finish(Partial.empty(layout.program.inputs.room), found[""].metrics)
    assert (values["waited", ":table"].value, values["told", ":table"].value) == ((3600 + 7200) / 2, 304.0)
