"""Times and texts, which count as numbers."""

import math

import numpy as np

from driftline.batches import from_rows
from driftline.drift.profile import Layout, Profile
from driftline.errors import Reason
from driftline.events import ColumnKind, MonitorMetric, MonitorSlice
from tests.unit.services.drift.building import HOUR, START, monitored
from tests.unit.services.drift.profile.building import MONITOR, World, prediction, register, typed, write

READ = {"age": ColumnKind.NUMERIC, "booked": ColumnKind.TIMESTAMP, "remark": ColumnKind.TEXT_LENGTH}


def watching_times_and_texts():
    data = {"age": np.arange(100.0), "booked": 3600.0 * np.arange(100), "remark": np.arange(100.0)}
    return monitored(READ, data, labels=False)


def test_times_and_texts_count_alike_by_every_road():
    monitor, baseline = watching_times_and_texts()
    world = World(monitor, baseline=baseline)
    cells = [(START - HOUR, "grüß"), (None, None), (START - 3 * HOUR, ""), (START + HOUR, "x" * 5000)]
    rows = [prediction(i, booked=None if at is None else float(at), remark=text) for i, (at, text) in enumerate(cells)]
    for row in rows:
        world.send(row)
    single = world.flush()
    world.send(from_rows(rows), partition=0)
    batch = world.flush()
    schema = typed(score="double", age="double", booked=["null", "long"], remark=["null", "string"])
    register(world, schema)
    for i, (at, text) in enumerate(cells):
        record = {
            "model_id": "m",
            "model_version": "v1",
            "prediction_id": f"p{i}",
            "event_time": START,
            "score": 0.5,
            "age": 5.0,
        }
        world.put("predictions", write(schema, record | {"booked": at, "remark": text}))
    typed_out = world.flush()
    layout = Layout.of(monitor, baseline)
    found = [Profile.from_event(layout, out.sets[0].panes[0]) for out in (single, batch, typed_out)]
    ages, lengths = layout.by_column["booked"], layout.by_column["remark"]
    assert found[0].cells.tolist() == found[1].cells.tolist() == found[2].cells.tolist()
    assert found[0].sums.tolist() == found[1].sums.tolist() == found[2].sums.tolist()
    assert (found[0].cells[ages.null], found[0].cells[ages.offset + 2], found[0].cells[lengths.null]) == (1, 1, 1)
    assert found[0].sums[layout.maximum("booked")] == 3 * 3600.0
    assert found[0].sums[layout.maximum("remark")] == 5000.0


def test_a_text_that_is_no_time_counts_and_what_is_neither_time_nor_text_is_refused():
    monitor, baseline = watching_times_and_texts()
    world = World(monitor, baseline=baseline)
    world.send(prediction(0, booked="soon", remark="a"))
    world.send(prediction(1, booked="2015-08-19T16:00:00+02:00", remark=2.5))
    world.send(prediction(2, booked=math.inf, remark="b"))
    out = world.flush()
    layout = Layout.of(monitor, baseline)
    profile = Profile.from_event(layout, out.sets[0].panes[0])
    assert (profile.rows, int(profile.cells[layout.by_column["booked"].nan])) == (1, 1)
    assert sorted(out.reasons()) == [(Reason.NON_FINITE, "booked"), (Reason.WRONG_TYPE, "remark")]


def test_columns_of_other_kinds_are_not_touched_on_their_way():
    world = World()
    world.send(prediction())
    world.read()
    judged = []
    world.stage._count = judged.append
    world.stage._count_gathered()
    (one,) = judged
    assert one.chunk.read_for(MONITOR, one.chosen) is one.chunk


def test_slices_and_metrics_see_times_and_texts_as_numbers():
    metrics = (MonitorMetric(name="waited", definition="avg(booked)"), MonitorMetric(name="told", definition="max(remark)"))
    slices = (MonitorSlice(columns=("booked",)), MonitorSlice(where="remark > 2"))
    data = {"age": np.arange(100.0), "booked": np.repeat([3600.0, 7200.0], 50), "remark": np.arange(100.0)}
    monitor, baseline = monitored(READ, data, labels=False, metrics=metrics, slices=slices)
    world = World(monitor, baseline=baseline)
    for i, (hours, text) in enumerate([(1, "a"), (1, "abc"), (2, "\u00fc\u00fc\u00fc"), (2, None)]):
        world.send(prediction(i, booked=float(START - hours * HOUR), remark=text))
    world.send(prediction(4, booked="some day", remark="ab"))
    out = world.flush()
    layout = Layout.of(monitor, baseline)
    found = {event.slice: Profile.from_event(layout, event) for event in out.sets[0].panes}
    assert {name: profile.rows for name, profile in found.items()} == {
        "": 5, "booked<7200": 2, "booked>=7200": 2, "booked=(other)": 1, "remark > 2": 2, "(remark > 2) IS NOT TRUE": 3,
    }  # fmt: skip
    assert layout.program is not None
    values = layout.program.finish(found[""].metrics)
    assert (values["waited", ":table"].value, values["told", ":table"].value) == (5400.0, 3.0)
