"""Which slices there are, and what they are called."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.drift.baseline import fit_baseline
from driftline.drift.profile import Layout
from driftline.drift.profile.cuts import MAXIMUM_NAME, Values, cuts_of, quoted
from driftline.events import ColumnKind, MonitorSlice
from tests.unit.drift.profile.test_tally import monitor

KINDS = {
    "carrier": ColumnKind.CATEGORICAL,
    "origin": ColumnKind.CATEGORICAL,
    "delay": ColumnKind.NUMERIC,
    "still": ColumnKind.NUMERIC,
}
CARRIERS = {"UA": 500, "AA": 300, "B6": 200}
ORIGINS = {"JFK": 600, "EWR": 390, "LGA": 10}
DATA: dict[str, Any] = {
    "carrier": [name for name, n in CARRIERS.items() for _ in range(n)],
    "origin": [name for name, n in ORIGINS.items() for _ in range(n)],
    "delay": np.arange(1000) / 2,
    "still": np.full(1000, 7.0),
}


def by(*columns):
    return MonitorSlice(columns=columns)


def cuts(*slices, data=DATA, kinds=KINDS):
    baseline = fit_baseline("m", data, kinds)
    return Layout.of(monitor(baseline.baseline_id, kinds, slices=slices), baseline).cuts


def test_a_column_is_cut_by_the_values_of_the_baseline_most_frequent_first():
    (cut,) = cuts(by("carrier"))
    assert cut.names == ("carrier=UA", "carrier=AA", "carrier=B6", "carrier=(other)")


def test_a_number_is_cut_by_its_psi_bins():
    (cut,) = cuts(by("delay"))
    assert cut.names[:2] == ("delay<50", "50<=delay<100")
    assert cut.names[-2:] == ("delay>=450", "delay=(other)")
    assert len(cut.names) == 11


def test_a_number_that_has_one_bin_has_one_slice_of_all_that_is_known():
    (cut,) = cuts(by("still"))
    assert cut.names == ("still=(any)", "still=(other)")


def test_pairs_come_in_the_order_of_how_frequent_they_are_if_independent():
    (cut,) = cuts(by("carrier", "origin"))
    assert cut.names[:4] == (
        "carrier=UA, origin=JFK",  # .30
        "carrier=UA, origin=EWR",  # .195
        "carrier=AA, origin=JFK",  # .18
        "carrier=B6, origin=JFK",  # .12
    )
    assert cut.names[-1] == "carrier, origin=(other)"


def test_a_condition_has_two_slices():
    (cut,) = cuts(MonitorSlice(where="delay > 12"))
    assert cut.names == ("delay > 12", "(delay > 12) IS NOT TRUE")


@pytest.mark.parametrize("asked", [by("many"), by("many", "carrier"), by("many", "delay")])
def test_a_cut_has_at_most_a_hundred_slices_and_the_rest(asked):
    values = [f"v{i:03}" for i in range(150) for _ in range(1 + i % 7)]
    kinds = {"many": ColumnKind.CATEGORICAL, "carrier": ColumnKind.CATEGORICAL, "delay": ColumnKind.NUMERIC}
    size = len(values)
    data = {"many": values, "carrier": ["UA", "AA"] * (size // 2) + ["B6"] * (size % 2), "delay": np.arange(size)}
    (cut,) = cuts(asked, data=data, kinds=kinds)
    assert len(cut.names) == 101
    assert cut.rest == 100


def test_slices_depend_on_monitor_and_baseline_alone():
    shuffled = {name: list(reversed(list(values))) for name, values in DATA.items()}
    asked = (by("carrier"), by("carrier", "origin"), by("delay"))
    assert cuts(*asked) == cuts(*asked, data=shuffled)


def test_slices_are_part_of_the_layout_and_no_slices_leave_it_as_it_was():
    baseline = fit_baseline("m", DATA, KINDS)
    plain = monitor(baseline.baseline_id, KINDS)
    found = {
        Layout.of(dataclasses.replace(plain, slices=slices), baseline).hash
        for slices in ((), (by("carrier"),), (by("origin"),), (by("carrier"), by("origin")), (MonitorSlice(where="delay > 1"),))
    }
    assert len(found) == 5


@given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), unique=True, max_size=20))
def test_no_two_values_of_columns_share_a_name(pairs):
    names = [f"{quoted(column)}={quoted(value)}" for column, value in pairs]
    assert len(set(names)) == len(names)
    assert not any(quoted(value) == "(other)" for _, value in pairs)


def test_names_are_unique_and_short_whatever_they_say():
    long, longer = "x" * 300, "x" * 301
    values = {"a": Values(("a=b", f"a={long}", f"a={longer}"), (3, 2, 1))}
    asked = (by("a"), MonitorSlice(where="a=b"), MonitorSlice(where="(a=b) IS NOT TRUE"))
    names = [name for cut in cuts_of(asked, values) for name in cut.names]
    assert len(set(names)) == len(names) == 8
    assert max(map(len, names)) <= MAXIMUM_NAME
    assert "(a=b)" in names


def test_a_column_that_is_not_watched_is_named():
    with pytest.raises(ValueError, match="'tail'"):
        cuts(by("tail"))
