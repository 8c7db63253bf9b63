"""PSI on counts and on raw values."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given

from driftline.drift.measures import measure
from driftline.drift.measures.kl import kl
from driftline.drift.measures.psi import psi, psi_rows
from tests.unit.drift.measures.cells import CELLS, counts, of
from tests.unit.drift.measures.samples_of_golden import golden_samples


def test_psi_is_the_hand_sum():
    # (.2 - .5) ln(.2/.5) + (.8 - .5) ln(.8/.5) = .3 ln 2.5 + .3 ln 1.6 = .3 ln 4
    assert psi(counts(50, 50), counts(20, 80)) == pytest.approx(0.3 * math.log(4), abs=1e-15)


def test_an_empty_cell_counts_as_half_a_row():
    # current shares .5/10.5 and 10/10.5 against a half each
    p, q = (0.5 / 10.5, 10 / 10.5), (0.5, 0.5)
    by_hand = sum((a - b) * math.log(a / b) for a, b in zip(p, q, strict=True))
    assert psi(counts(5, 5), counts(0, 10)) == pytest.approx(by_hand, abs=1e-15)


def test_cells_that_are_empty_on_both_sides_are_left_out():
    assert psi(counts(50, 0, 50), counts(20, 0, 80)) == psi(counts(50, 50), counts(20, 80))


def test_quantile10_is_the_classic_index_on_the_reference_deciles():
    reference, current = golden_samples()["num"]
    ordered = np.sort(reference)
    borders = [-np.inf, *(ordered[len(ordered) * k // 10] for k in range(1, 10)), np.inf]
    cells = list(itertools.pairwise(borders))
    p, q = (np.array([np.mean((side >= low) & (side < high)) for low, high in cells]) for side in (current, reference))
    by_hand = float(np.sum((p - q) * np.log(p / q)))
    assert measure("psi", reference, current).value == pytest.approx(by_hand, abs=1e-12)
    assert by_hand == pytest.approx(0.0490071882, abs=1e-9)  # evidently has .0508 and frouros .0464 on bins of both samples


@given(CELLS)
def test_psi_is_both_divergences_and_rows_are_one_by_one(pair):
    one, other = pair
    value = psi(one, other)
    if value is None:
        assert not one.sum() or not other.sum()
        return
    assert value >= 0
    assert value == pytest.approx(of(kl, one, other) + of(kl, other, one), abs=1e-9)
    padded = np.append(np.stack((one, other)), [[0], [0]], axis=1)
    assert psi_rows(padded, padded[::-1]).tolist() == pytest.approx([value, value], abs=1e-12)
