"""From a person's words to budgets, levels and an explanation."""

import pytest

from driftline.drift.calibration.multiplicity import Wealth, spent
from driftline.drift.calibration.plan import LASTING, LOOSEST, Plan, explain, sensitivity
from driftline.drift.calibration.tolerance import Tolerance


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("at most 1 false page a month, tell me about shifts larger than PSI 0.1", Tolerance(1, 0.1)),
        ("At most two false alarms per week.", Tolerance(2 * 30 / 7, 0.1)),
        ("at most 1 false page every 3 months and changes bigger than PSI .05", Tolerance(1 / 3, 0.05)),
        ("tell me of drift greater than a PSI of 0.25; at most half a false alert a year", Tolerance(15 / 365, 0.25)),
    ],
)
def test_sentences_are_understood(words, expected):
    found = Tolerance.parse(words)
    assert found.false_pages == pytest.approx(expected.false_pages)
    assert found.psi == expected.psi


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("at most 1 false page a month, tell Bob", "'tell bob'"),
        ("surprise me", "'surprise me'"),
        ("", "''"),
        ("at most 0 false pages a month", "more than 0"),
    ],
)
def test_what_is_not_understood_is_quoted(words, named):
    with pytest.raises(ValueError, match=named):
        Tolerance.parse(words)


def test_a_negative_size_is_refused():
    with pytest.raises(ValueError, match="no size of a shift"):
        Tolerance(1, -0.1)


@pytest.mark.parametrize("tolerance", [Tolerance(), Tolerance(0.25, 0.02), Tolerance(3, 0)])
def test_a_tolerance_reads_back_what_it_says(tolerance):
    assert Tolerance.parse(str(tolerance)) == tolerance


@pytest.mark.parametrize(
    ("granularity", "windows"), [("1 hour", 720), ("15 minutes", 2880), ("1 day", 30), ("1 week", 30 / 7), ("1 month", 1)]
)
def test_windows_a_month(granularity, windows):
    assert Plan(Tolerance(), ("feature",)).windows(granularity) == pytest.approx(windows)


def test_the_levels_of_a_month_add_up_to_no_more_than_the_tolerated_pages():
    plan, wealth, total = Plan(Tolerance(1, 0.1), ("feature", "prediction")), Wealth(), 0.0
    for _ in range(720):
        total += plan.level("1 hour", wealth)
        wealth = spent(wealth, rejected=False)
    assert 0.15 < total <= 0.5 * (1 - LASTING)
    assert plan.stream_level("1 hour") * 720 <= 0.5


def test_generosity_has_an_end():
    plan = Plan(Tolerance(1000, 0.1), ("feature",))
    assert plan.level("1 day", Wealth()) == LOOSEST
    assert plan.stream_level("1 day") == LOOSEST


def test_more_series_are_tested_more_strictly():
    one, many = (Plan(Tolerance(), ("feature",), series).level("1 hour", Wealth()) for series in (1, 10))
    assert many == pytest.approx(one / 10)


def test_more_rows_bring_the_limit_down_to_what_is_tolerated():
    limits = [sensitivity(0.1, 1e-3, n, 10 * n, columns=20) for n in (200, 1000, 10_000, 1_000_000)]
    assert [a.limit for a in limits] == sorted((a.limit for a in limits), reverse=True)
    assert 0.1 < limits[-1].limit < 0.103
    assert all(a.found > 0.1 for a in limits)


def test_the_explanation_names_what_follows():
    plan = Plan(Tolerance(), ("feature", "prediction", "quality"))
    text = explain(plan, ("1 hour", "1 day"), "1 day", columns=20, n=1000, m=50_000)
    assert "at most 1 false page a month, tell me about shifts larger than PSI 0.1" in text
    assert "0.333 false alarms a month each" in text
    assert "1 hour (is only shown): 720 windows a month, each tested at level 0.00018" in text
    assert "1 day (pages): 30 windows a month" in text
    assert "from PSI 0.193 on" in text
