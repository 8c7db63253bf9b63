import dataclasses
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.drift.baseline import fit_baseline
from driftline.drift.dialect import Dialect
from driftline.events import ColumnKind, MonitorColumn, MonitorMetric
from driftline.validation import FROM_THE_BEGINNING, MonitorBook
from tests.builders import monitor_of

BASELINE = fit_baseline("m", {"x": [1.0, 2.0]}, {"x": ColumnKind.NUMERIC})


def monitor(
    version=1, effective_from=FROM_THE_BEGINNING, baseline_id=BASELINE.baseline_id, model_id="m", kind=ColumnKind.NUMERIC
):
    return monitor_of(
        model_id=model_id,
        monitor_version=version,
        effective_from=effective_from,
        columns=(MonitorColumn(name="x", kind=kind),),
        baseline_id=baseline_id,
    )


def book(*monitors, baseline_at=0):
    found = MonitorBook()
    for each, append_time in monitors:
        found.add_monitor(each, append_time)
    found.add_baseline(BASELINE, baseline_at)
    return found


def test_a_monitor_whose_sql_does_not_compile_is_rejected_with_the_place_and_asked_of_once():
    asked = []

    def faults(monitor):
        asked.append(monitor.monitor_version)
        return Dialect().faults(monitor)

    found = MonitorBook(faults)
    found.add_baseline(BASELINE, 0)
    bad = dataclasses.replace(monitor(2), metrics=(MonitorMetric(name="m", definition="avg(x) + avg(y)"),))
    for each in (monitor(1), bad, monitor(3)):
        found.add_monitor(each, 100)
    (rejection,) = found.rejected()
    assert (rejection.monitor.monitor_version, found.version("m", 2)) == (2, None)
    assert (
        rejection.reason == "metrics[0]: metric m: line 1 column 14: there is no column y; known are latency_ms, prediction, x"
    )
    assert [each.monitor_version for each in found.versions("m")] == [1, 3]
    assert sorted(asked) == [1, 2, 3]


def version_at(found, event_time, append_time):
    chosen = found.version_for("m", event_time, append_time)
    return None if chosen is None else chosen.monitor_version


def test_a_row_older_than_its_models_first_monitor_is_of_an_unknown_model():
    found = book((monitor(), 100))
    assert version_at(found, 5, 99) is None
    assert version_at(found, 5, 100) == 1
    assert found.version_for("other", 5, 100) is None


def test_for_the_first_version_only_the_append_time_counts():
    assert version_at(book((monitor(effective_from=1000), 100)), -5, 100) == 1


def test_a_later_version_holds_from_its_event_time_for_rows_appended_after_it():
    found = book((monitor(1), 100), (monitor(2, effective_from=1000), 200))
    assert version_at(found, 999, 300) == 1
    assert version_at(found, 1000, 300) == 2
    assert version_at(found, 1000, 199) == 1


def test_a_monitor_whose_baseline_came_later_or_never_is_rejected():
    found = book((monitor(), 100), baseline_at=101)
    assert version_at(found, 5, 200) is None
    assert found.model_ids() == ()
    assert [(r.monitor.monitor_version, "published after it" in r.reason) for r in found.rejected()] == [(1, True)]
    never = book((monitor(baseline_id="none"), 100))
    assert "not on the topic baselines" in never.rejected()[0].reason


def test_a_monitor_that_its_baseline_does_not_fit_is_rejected():
    found = book((monitor(kind=ColumnKind.CATEGORICAL), 100))
    assert "no CATEGORICAL column 'x'" in found.rejected()[0].reason


@pytest.mark.parametrize(
    "damage",
    [
        {"edges": tuple(float(i) for i in range(64)), "psi_edges": ()},
        {"edges": (2.0, 1.0), "psi_edges": ()},
        {"edges": (1.0, math.nan), "psi_edges": ()},
        {"psi_edges": (9,)},
        {"psi_edges": (-1,)},
        {"sums": (1.0,)},
    ],
)
def test_a_monitor_whose_baseline_is_damaged_is_rejected_and_stops_nobody(damage):
    broken = dataclasses.replace(BASELINE, baseline_id="broken", columns=(dataclasses.replace(BASELINE.columns[0], **damage),))
    found = book((monitor(baseline_id="broken"), 100))
    found.add_baseline(broken, 50)
    assert "is damaged" in found.rejected()[0].reason
    assert version_at(found, 0, 200) is None


def test_after_a_rejected_first_version_the_next_one_is_the_first():
    found = book((monitor(1, baseline_id="none"), 100), (monitor(2, effective_from=1000), 200))
    assert version_at(found, 5, 150) is None
    assert version_at(found, 5, 200) == 2
    assert found.version("m", 1) is None
    assert found.version("m", 2) == found.versions("m")[0]


def test_a_repeated_record_does_not_move_the_time_that_counts():
    found = book((monitor(), 100), (monitor(), 500))
    found.add_baseline(BASELINE, 600)
    assert version_at(found, 0, 100) == 1


def test_a_writer_schema_is_known_from_its_record_on():
    found = MonitorBook()
    found.add_schema(7, {"name": "P"}, 100)
    found.add_schema(7, {"name": "P"}, 300)
    found.add_schema(8, {"name": "Q"}, FROM_THE_BEGINNING)
    assert found.schema_for(7, 99) is None
    assert found.schema_for(7, 100) == {"name": "P"}
    assert found.schema_for(8, -5) == {"name": "Q"}
    assert found.schema_for(9, 100) is None


records = st.lists(
    st.tuples(st.integers(1, 4), st.integers(0, 5), st.integers(0, 9), st.booleans()), unique_by=lambda r: r[0], max_size=4
)


@settings(max_examples=200, deadline=None)
@given(records, st.integers(0, 6), st.lists(st.tuples(st.integers(-2, 8), st.integers(0, 10)), min_size=1, max_size=10))
def test_answers_depend_on_append_times_alone_and_rows_are_judged_as_one_by_one(versions, baseline_at, rows):
    monitors = [
        (monitor(n, effective_from=e, baseline_id=BASELINE.baseline_id if fit else "none"), t) for n, e, t, fit in versions
    ]
    books = [book(*order, baseline_at=baseline_at) for order in itertools.islice(itertools.permutations(monitors), 6)]
    expected = []
    for event_time, append_time in rows:
        chosen = None
        for n, e, t, fit in sorted(versions):
            if fit and baseline_at <= t <= append_time and (chosen is None or e <= event_time):
                chosen = n
        expected.append(chosen)
    for found in books:
        places = found.versions_for("m", np.array([r[0] for r in rows]), np.array([r[1] for r in rows]))
        entries = found.entries("m")
        assert [None if p < 0 else entries[p].monitor.monitor_version for p in places] == expected
        assert [version_at(found, *row) for row in rows] == expected
