"""What follows from counts, and what does not follow from too few of them."""

import numpy as np
import pytest

from driftline.drift.fairness import (
    PROTECTED,
    Attribute,
    Cell,
    Consistency,
    GroupCounts,
    SimilarityCounts,
    Terms,
    Verdict,
    assess,
    consistency,
    consistency_verdict,
    protected_attributes,
    similarity_cells,
)
from driftline.drift.profile.profile import MalformedProfile
from driftline.drift.sqlmetrics import numbers, texts
from driftline.events import Baseline, BaselineColumn, ColumnKind

SEX = Attribute.of_texts("sex", "female", "male")
PARITY = Terms(measures=("demographic_parity",))


def _counts(*cells, unknown=0):
    found = GroupCounts.empty(len(cells))
    for i, each in enumerate(cells):
        found.cells[i, : len(each)] = each
    found.cells[-1, Cell.ROWS] = unknown
    return found


def _named(found, name):
    return next(each for each in found.measures if each.name == name)


def test_no_data_is_no_pass():
    found = assess(SEX, GroupCounts.empty(2))
    assert found.verdict is Verdict.INSUFFICIENT_EVIDENCE
    assert {each.verdict for each in found.measures} == {Verdict.INSUFFICIENT_EVIDENCE}
    assert all(each.value is None for each in found.measures)


def test_one_group_has_nobody_to_be_compared_with():
    found = assess(SEX, _counts((1000, 400), (0, 0)), PARITY)
    assert found.verdict is Verdict.INSUFFICIENT_EVIDENCE
    assert _named(found, "demographic_parity_ratio").left_out == ("male",)


def test_four_fifths_is_a_pass_and_less_is_not():
    exactly = assess(SEX, _counts((1000, 400), (1000, 500)), PARITY)
    below = assess(SEX, _counts((1000, 399), (1000, 500)), PARITY)
    assert _named(exactly, "demographic_parity_ratio").verdict is Verdict.PASS
    assert _named(below, "demographic_parity_ratio").verdict is Verdict.FAIL
    assert below.verdict is Verdict.FAIL


def test_ratio_and_difference_are_two_measures():
    found = assess(SEX, _counts((1000, 30), (1000, 60)), PARITY)
    assert _named(found, "demographic_parity_ratio").verdict is Verdict.FAIL
    assert _named(found, "demographic_parity_difference").verdict is Verdict.PASS
    assert (_named(found, "demographic_parity_ratio").least, _named(found, "demographic_parity_ratio").most) == (
        "female",
        "male",
    )


def test_the_interval_says_whether_the_verdict_is_certain():
    small = _named(assess(SEX, _counts((50, 20), (50, 28)), PARITY), "demographic_parity_ratio")
    large = _named(assess(SEX, _counts((50_000, 20_000), (50_000, 28_000)), PARITY), "demographic_parity_ratio")
    assert small.verdict is large.verdict is Verdict.FAIL
    assert (small.certain, large.certain) == (False, True)


def test_a_group_below_the_minimum_is_left_out_of_the_rate_it_is_small_for():
    counts = _counts((1000, 300, 5, 290, 5, 700), (1000, 300, 150, 150, 100, 600))
    found = assess(SEX, counts)
    assert _named(found, "equal_opportunity_difference").verdict is Verdict.INSUFFICIENT_EVIDENCE
    assert _named(found, "equal_opportunity_difference").left_out == ("female",)
    assert _named(found, "demographic_parity_difference").verdict is Verdict.PASS
    assert found.verdict is Verdict.INSUFFICIENT_EVIDENCE


def test_a_share_below_the_minimum_is_left_out():
    race = Attribute.of_texts("race", "x", "y", "z")
    counts = _counts((5000, 2500), (5000, 2500), (100, 1))
    assert assess(race, counts, PARITY).verdict is Verdict.FAIL
    without = assess(race, counts, Terms(measures=("demographic_parity",), minimum_share=0.02))
    assert without.verdict is Verdict.PASS
    assert _named(without, "demographic_parity_ratio").left_out == ("z",)


def test_an_attribute_that_few_rows_have_says_nothing():
    found = assess(SEX, _counts((500, 250), (500, 250), unknown=100), PARITY)
    assert found.coverage == pytest.approx(1000 / 1100)
    assert found.verdict is Verdict.INSUFFICIENT_EVIDENCE


def test_a_perfect_model_passes_equalized_odds():
    found = assess(SEX, _counts((200, 100, 100, 0, 0, 100), (200, 100, 100, 0, 0, 100)))
    assert _named(found, "equalized_odds_ratio").value == 1.0
    assert found.verdict is Verdict.PASS


def test_each_group_has_its_total_positive_rate_and_accuracy():
    found = assess(SEX, _counts((100, 40, 20, 10, 10, 40), (50, 10, 0, 0, 0, 0)))
    female, male = found.groups
    assert (female.rows, female.pairs, female.rates["selection_rate"].value) == (100, 80, 0.4)
    assert female.rates["accuracy"].value == 0.75
    assert female.rates["accuracy"].low < 0.75 < female.rates["accuracy"].high
    assert male.rates["accuracy"] is None


def test_ages_are_cut_at_edges_and_crossed_with_sex():
    age = Attribute.of_numbers("age", 25, 65)
    both = Attribute.crossed(SEX, age)
    assert age.groups == ("under 25", "25 to 65", "65 and over")
    assert both.groups[0] == "female & under 25"
    columns = {"sex": texts(["male", "female", None, "other", "male"]), "age": numbers([24.9, 25.0, 30.0, 70.0, None])}
    assert age.codes(columns).tolist() == [0, 1, 1, 2, -1]
    assert SEX.codes(columns).tolist() == [1, 0, -1, -1, 1]
    assert both.codes(columns).tolist() == [3, 1, -1, -1, -1]


def test_protected_columns_of_a_baseline_are_compared_unless_nobody_knows_how():
    def column(name, kind, categories=()):
        return BaselineColumn(name=name, kind=kind, edges=(), psi_edges=(), categories=categories, counts=(), sums=())

    baseline = Baseline(
        baseline_id="b",
        model_id="m",
        rows=1,
        provenance={},
        columns=(
            column("age", ColumnKind.NUMERIC),
            column("gender", ColumnKind.CATEGORICAL, ("f", "m")),
            column("race", ColumnKind.CATEGORICAL, ("x",)),
            column("location", ColumnKind.NUMERIC),
            column("contract", ColumnKind.CATEGORICAL, ("a", "b")),
        ),
    )
    assert PROTECTED == ("age", "gender", "race", "location")
    assert protected_attributes(baseline) == (Attribute.of_numbers("age", 25, 40, 65), Attribute.of_texts("gender", "f", "m"))
    assert protected_attributes(baseline, ["contract"]) == (Attribute.of_texts("contract", "a", "b"),)


@pytest.mark.parametrize(
    ("value", "verdict"),
    [(0.9, Verdict.PASS), (0.899, Verdict.FAIL), (None, Verdict.INSUFFICIENT_EVIDENCE)],
    ids=["on", "below", "nothing"],
)
def test_similar_rows_must_be_treated_alike_nine_times_of_ten(value, verdict):
    assert consistency_verdict(Consistency(value, 100, 100)) is verdict


def test_rows_alone_in_their_cell_are_no_evidence():
    alone = SimilarityCounts.of(np.arange(100), 100, np.ones(100, np.bool_))
    assert consistency(alone) == Consistency(None, 0, 100)


def test_rows_in_no_group_are_counted_apart():
    codes = np.array([0, -1, 1, -1, 0], np.int32)
    found = GroupCounts.of_rows(codes, 2, np.array([True, True, False, False, False]))
    assert found.cells[:, : Cell.SELECTED + 1].tolist() == [[2, 1], [1, 0], [2, 1]]


def test_an_attribute_without_groups_to_compare_is_refused():
    with pytest.raises(ValueError, match="has 1 groups"):
        Attribute.of_texts("sex", "female")
    with pytest.raises(ValueError, match="must rise"):
        Attribute.of_numbers("age", 65, 25)


def test_an_unknown_measure_is_refused_by_name():
    with pytest.raises(ValueError, match="demografic"):
        Terms(measures=("demografic",))


def test_cut_bytes_are_refused():
    with pytest.raises(MalformedProfile):
        GroupCounts.decode(2, GroupCounts.empty(2).encode()[:-1])


def test_too_many_kinds_of_similar_rows_are_refused():
    with pytest.raises(ValueError, match="4096"):
        similarity_cells([np.zeros(1, np.int32)] * 3, (100, 100, 100))
