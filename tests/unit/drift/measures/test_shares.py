"""What the measures of counts have in common."""

import math

import numpy as np
import pytest
from hypothesis import given

from driftline.drift.measures.chi2 import chi2
from driftline.drift.measures.hellinger import hellinger
from driftline.drift.measures.js import js
from driftline.drift.measures.kl import kl
from driftline.drift.measures.ks import ks
from driftline.drift.measures.linf import linf
from driftline.drift.measures.psi import psi
from driftline.drift.measures.shares import filled, shares
from driftline.drift.measures.tv import tv
from tests.unit.drift.measures.cells import CELLS, counts, of

ALL = [psi, kl, js, tv, linf, hellinger, ks, chi2]


@pytest.mark.parametrize("measure", ALL)
@pytest.mark.parametrize("pair", [((0, 0), (1, 2)), ((1, 2), (0, 0)), ((0, 0), (0, 0)), ((), ())])
def test_a_side_without_rows_has_no_value(measure, pair):
    assert measure(counts(*pair[0]), counts(*pair[1])) is None


def test_a_constant_column_has_not_moved():
    one, other = counts(0, 7, 0), counts(0, 90, 0)
    assert [distance(one, other) for distance in (psi, kl, js, tv, linf, hellinger)] == [0] * 6
    assert ks(one, other) == (0, 1)
    assert chi2(one, other) is None


def test_shares_of_nothing_are_not_known():
    assert shares(counts(0, 0)).tolist() == pytest.approx([math.nan, math.nan], nan_ok=True)
    assert shares(np.array([[1, 3], [0, 0]])).tolist() == [[0.25, 0.75], pytest.approx([math.nan, math.nan], nan_ok=True)]


def test_half_a_row_stands_for_an_empty_cell_on_one_side_only():
    q, p = filled(counts(4, 0, 0), counts(2, 2, 0))
    assert q.tolist() == pytest.approx([4 / 4.5, 0.5 / 4.5, 0])
    assert p.tolist() == [0.5, 0.5, 0]


@given(CELLS)
def test_distances_are_in_range_symmetric_and_ordered(pair):
    one, other = pair
    if not one.sum() or not other.sum():
        return
    found = {distance: of(distance, one, other) for distance in (psi, js, tv, linf, hellinger)}
    for distance, value in found.items():
        assert -1e-12 <= value <= (math.inf if distance is psi else 1 + 1e-12)
        assert value == pytest.approx(distance(other, one), abs=1e-12)
        assert distance(one, one * 3) == pytest.approx(0, abs=1e-7 if distance in {js, hellinger} else 0.5)
    # textbook inequalities: H^2 <= TV <= sqrt(2) H, max <= TV, D of ordered cells <= TV
    assert found[hellinger] ** 2 <= found[tv] + 1e-12
    assert found[tv] <= math.sqrt(2) * found[hellinger] + 1e-12
    assert found[linf] <= found[tv] + 1e-12
    assert of(ks, one, other)[0] <= found[tv] + 1e-12
