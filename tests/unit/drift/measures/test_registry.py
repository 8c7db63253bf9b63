"""The table of measures: values of other systems, ranges, and columns that have nothing to say."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from driftline.drift.measures import TABLE, Kind, Takes, measure, sample
from tests.unit.drift.measures.samples_of_golden import golden_samples

GOLDEN = json.loads((Path(__file__).parent / "golden.json").read_text(encoding="utf-8"))
EXACT = [name for name, entry in TABLE.items() if entry.exact is not None]
RANDOM = np.random.default_rng(7)


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: f"{golden['sample']}-{golden['measure']}-{golden['source']}")
def test_a_variant_has_the_value_of_the_system_it_is_named_for(golden):
    found = measure(golden["measure"], *golden_samples()[golden["sample"]])
    if "value" in golden:
        assert found.value == pytest.approx(float(golden["value"]), rel=1e-9, abs=1e-9)
    if "p_value" in golden:
        assert found.p_value == pytest.approx(golden["p_value"], rel=1e-9, abs=1e-300)


def test_every_variant_that_another_system_can_be_asked_for_has_a_golden_value():
    systems = {name for name in TABLE if name.rpartition(":")[2] in {"evidently", "nannyml", "frouros", "deepchecks", "tfdv"}}
    without = systems - {golden["measure"] for golden in GOLDEN}
    assert without == {"tv:evidently"}  # evidently gives out only the p-value of its permutations


def test_a_bare_name_is_the_variant_that_the_stream_reports():
    sides = golden_samples()["num"]
    for name in ("psi", "js", "tv", "kl", "hellinger", "linf", "chi2"):
        assert measure(name, *sides) == measure(f"{name}:quantile10", *sides)
        assert TABLE[f"{name}:quantile10"].path == "both"


def test_an_unknown_name_is_refused_with_the_names_there_are():
    with pytest.raises(KeyError, match="psi:quantile10"):
        measure("psi:unheard", [1.0], [1.0])


def test_a_measure_of_counts_names_its_twin_for_raw_values():
    with pytest.raises(ValueError, match="on raw values take wasserstein:normed"):
        measure("wasserstein:normed:fine64", [1.0], [1.0])


def columns():
    """Odd and ordinary columns by name, each a reference and a current side."""
    normal, text = RANDOM.normal(size=60), np.array(list("abc") * 20)
    return {
        "ordinary": (normal, RANDOM.normal(0.5, 2, 50)),
        "texts": (text, np.array(list("bad") * 15)),
        "constant": (np.full(60, 3.5), np.full(50, 3.5)),
        "constant, another": (np.full(60, 3.5), np.full(50, -1.0)),
        "constant, large": (np.full(60, 1e300), np.full(50, 1e300)),
        "became constant": (normal, np.zeros(50)),
        "one value": (np.array([1.0]), np.array([2.0])),
        "empty": (np.empty(0), np.empty(0)),
        "empty reference": (np.empty(0), normal),
        "empty current": (normal, np.empty(0)),
        "all null": ([None] * 9, [None] * 9),
        "all null before": ([None] * 9, list("abc")),
        "all null now": (list("abc"), [None] * 9),
        "all NaN": (np.full(9, np.nan), np.full(9, np.nan)),
        "NaN and infinities": (np.array([np.nan, np.inf, -np.inf, *normal]), np.array([np.nan, np.inf, *normal])),
        "heavy tail": (RANDOM.standard_cauchy(500) ** 9, RANDOM.standard_cauchy(400) ** 9),
        "largest doubles": (np.array([-1.7e308, 0.0, 1.7e308] * 9), np.array([-1.7e308, 1e308, 1.7e308] * 9)),
        "smallest doubles": (np.array([0.0, 5e-324] * 20), np.array([5e-324, 1e-323] * 20)),
        "far between": (np.concatenate((normal, [1e18])), normal),
        "one category": (["a"] * 9, ["a"] * 7),
        "one category, another": (["a"] * 9, ["b"] * 7),
        "booleans": ([True, False, None], [True, True]),
        "numbers became texts": (normal, text),
    }


NOTHING = frozenset({"empty", "all null", "all NaN", "numbers became texts"})


@pytest.mark.parametrize("column", columns())
def test_any_column_gives_a_value_in_range_or_none(column):
    reference, current = columns()[column]
    if column == "numbers became texts":
        reference, current = sample(reference), sample(current)
    for name in EXACT:
        entry, found = TABLE[name], measure(name, reference, current)  # warnings are errors
        if found.value is not None:
            assert entry.low - 1e-9 <= found.value <= entry.high + 1e-9, name
            assert entry.tested == (found.p_value is not None), name
        assert found.p_value is None or 0 <= found.p_value <= 1, name
        assert (
            found.value is None or column not in NOTHING or name.endswith(("_rate", "_rate_delta", "_count", "count_delta"))
        ), name


@pytest.mark.parametrize("name", [name for name in EXACT if ":" in name or name in {"ks", "wasserstein"}])
def test_equal_samples_are_not_apart(name):
    entry = TABLE[name]
    kinds = {Takes.NUMBERS: ["num"], Takes.CATEGORIES: ["cat"], Takes.BOTH: ["num", "cat"]}[entry.takes]
    for kind in kinds:
        side = golden_samples()[kind][0]
        found = measure(name, side, side)
        assert found.value == pytest.approx(0, abs=1e-7)
        assert found.p_value is None or found.p_value == pytest.approx(1)


@pytest.mark.parametrize("name", [name for name, entry in TABLE.items() if entry.binned and entry.takes is not Takes.NUMBERS])
def test_what_is_called_symmetric_is_symmetric_on_equal_cells(name):
    one, other = RANDOM.integers(0, 40, (2, 200, 6))
    entry = TABLE[name]
    assert entry.binned is not None
    forth, back = (np.array(entry.binned(*pair)) for pair in ((one, other), (other, one)))
    assert np.allclose(forth, back, rtol=1e-9, atol=1e-12) is entry.symmetric


def test_times_and_lengths_are_measured_as_numbers():
    day = 86_400_000_000
    times = np.array(["2026-11-01", "2026-11-02"], "datetime64[D]")
    assert measure("wasserstein", times, times + np.timedelta64(3, "D")).value == 3 * day
    assert measure("wasserstein", ["a", "bb"], ["aaa", "bbbb"], Kind.TEXT_LENGTH).value == 2
    assert measure("mean_delta", ["a", "bb"], ["aaa", "bbbb"], Kind.TEXT_LENGTH).value == 2


def test_a_p_value_comes_with_every_measure_that_has_one():
    assert {name for name, entry in TABLE.items() if entry.tested} == {
        *("chi2:quantile10", "chi2:nannyml", "chi2:evidently", "ks", "ks:fine64"),
    }
    assert not math.isnan(measure("chi2", [1.0, 2.0] * 50, [1.0, 2.0] * 40).p_value or 0.0)
