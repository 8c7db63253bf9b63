"""Fairness of windows from the profiles of slices: exact values, at the decision that each belongs to."""

import numpy as np
import pytest

from driftline.drift.baseline import fit_baseline
from driftline.drift.fairness import bias_drift, outcomes, predictions
from driftline.drift.profile import Layout, Profile
from driftline.events import ColumnKind, Direction, MonitorColumn, MonitorSlice, Part, Threshold
from tests.unit.drift.windows.building import MONITOR, change

KINDS = dict.fromkeys(("gender", "region", "plan", ":prediction"), ColumnKind.CATEGORICAL)
# In the reference 50 of 100 women and 52 of 100 men are predicted `yes`: a gap of .02.
COLUMNS = {
    "gender": ["female"] * 100 + ["male"] * 100,
    "region": ["n", "s"] * 100,
    "plan": ["a", "a", "b", "b"] * 50,
    ":prediction": ["yes"] * 50 + ["no"] * 50 + ["yes"] * 52 + ["no"] * 48,
}
BASELINE = fit_baseline("m", COLUMNS, KINDS)
LIMITS = (
    Threshold(family="fairness", measure="demographic_parity_ratio", limit=0.8, direction=Direction.BELOW),
    Threshold(family="fairness", measure="demographic_parity_difference", limit=0.1, direction=Direction.ABOVE),
    Threshold(family="outcome_fairness", measure="equalized_odds_difference", limit=0.1, direction=Direction.ABOVE),
)
FAIR = change(
    MONITOR,
    positive_class="yes",
    columns=tuple(MonitorColumn(name=name, kind=kind) for name, kind in KINDS.items()),
    baseline_id=BASELINE.baseline_id,
    protected=("gender",),
    thresholds=LIMITS,
)
LAYOUT = Layout.of(FAIR, BASELINE)


def inputs(rows, selected, layout=LAYOUT):
    """INPUTS of a slice: so many rows, so many of them predicted yes."""
    shape = layout.shape(Part.INPUTS)
    cells = np.zeros(shape.cells, np.int64)
    block = layout.by_column[":prediction"]
    cells[block.unseen + 1 + block.categories.index("yes")] = selected
    cells[block.unseen + 1 + block.categories.index("no")] = rows - selected
    return Profile(shape, rows, cells, Profile.zero(shape).sums)


def pairs(tp=0, fp=0, fn=0, tn=0, layout=LAYOUT):
    shape = layout.shape(Part.IN_TIME)
    cells = np.zeros(shape.cells, np.int64)
    matrix = layout.pairs.confusion(cells)
    yes, no = layout.classes.index("yes"), layout.classes.index("no")
    matrix[yes, yes], matrix[yes, no], matrix[no, yes], matrix[no, no] = tp, fp, fn, tn
    return Profile(shape, tp + fp + fn + tn, cells, np.zeros(0))


def slices(female, male, other=(0, 0), labels=((), ())):
    found = {"gender=female": (female, labels[0]), "gender=male": (male, labels[1]), "gender=(other)": (other, ())}
    return {name: (inputs(*counts), pairs(*cells)) for name, (counts, cells) in found.items()}


def told(measures):
    return {(measure.name, measure.column): measure for measure in measures}


def test_a_protected_column_cuts_the_rows_and_its_values_are_groups():
    assert LAYOUT.slices == ("gender=female", "gender=male", "gender=(other)")
    assert LAYOUT.protected == LAYOUT.cuts
    # whoever cut the rows by it before has the same counts
    assert change(FAIR, slices=(MonitorSlice(columns=("gender",)),)).slices != FAIR.slices
    assert Layout.of(change(FAIR, slices=(MonitorSlice(columns=("gender",)),)), BASELINE).hash == LAYOUT.hash


def test_parity_of_predictions_is_held_against_both_limits():
    found = told(predictions(LAYOUT, BASELINE, FAIR, slices((1000, 300), (1000, 500))))
    ratio, apart = found["demographic_parity_ratio", "gender"], found["demographic_parity_difference", "gender"]
    assert (ratio.value, ratio.limit, ratio.violated, ratio.n) == (0.6, 0.8, True, 2000)
    assert (apart.value, apart.limit, apart.violated) == (pytest.approx(0.2), 0.1, True)
    assert ratio.low < 0.6 < ratio.high < 0.8
    assert found["selection_rate", "gender=female"].value == 0.3
    assert found["selection_rate", "gender=female"].n == 1000


def test_too_few_rows_too_many_unknown_and_none_at_all_are_no_pass():
    for cells in (((29, 0), (1000, 500)), ((500, 100), (500, 400), (100, 0)), ((0, 0), (0, 0))):
        found = told(predictions(LAYOUT, BASELINE, FAIR, slices(*cells)))
        assert found["demographic_parity_ratio", "gender"].value is None
        assert found["demographic_parity_difference", "gender"].value is None
        assert not any(measure.violated for measure in found.values())


def test_odds_and_opportunity_come_from_in_time_pairs():
    labels = ((70, 20, 30, 180), (45, 40, 15, 100))  # as in aif360: see test_oracles
    found = told(outcomes(LAYOUT, FAIR, slices((300, 90), (200, 85), labels=labels)))
    odds, chance = found["equalized_odds_difference", "gender"], found["equal_opportunity_difference", "gender"]
    assert odds.value == pytest.approx(0.1857142857142857)
    assert (odds.family, odds.violated, odds.n) == ("outcome_fairness", True, 200 + 140)
    assert chance.value == pytest.approx(0.05)
    assert found["accuracy", "gender=male"].value == pytest.approx(0.725)
    assert found["accuracy", "gender=male"].n == 200
    assert found["true_positive_rate", "gender=female"].value == 0.7


def test_the_favourable_class_need_not_be_the_positive_one():
    found = told(predictions(LAYOUT, BASELINE, change(FAIR, favourable="no"), slices((1000, 300), (1000, 500))))
    assert found["selection_rate", "gender=female"].value == 0.7


def test_bias_drift_is_told_against_the_reference():
    measures = predictions(LAYOUT, BASELINE, FAIR, slices((1000, 420), (1000, 500)))
    assert [record.stratum_value for record in bias_drift(measures)] == ["female", "male"]
    female = next(iter(bias_drift(measures)))
    assert (female.metric_name, female.stratum_type, female.stratum_value) == ("demographic_parity_gap", "GENDER", "female")
    assert (female.baseline_value, female.current_value) == pytest.approx((0.02, 0.08))


def test_a_baseline_without_predictions_by_group_has_no_gap_to_compare_with():
    bare = change(BASELINE, joints=())
    measures = predictions(LAYOUT, bare, FAIR, slices((1000, 420), (1000, 500)))
    assert list(bias_drift(measures)) == []
    assert told(measures)["demographic_parity_gap", "gender=female"].value == pytest.approx(0.08)


def test_similar_rows_are_those_of_a_slice_by_two_other_columns():
    cut = MonitorSlice(columns=("region", "plan"))
    monitor = change(FAIR, slices=(cut, MonitorSlice(columns=("gender", "plan"))))
    layout = Layout.of(monitor, BASELINE)
    assert [each.columns for each in layout.similar] == [("region", "plan")]
    counts = {name: (inputs(0, 0, layout), pairs(layout=layout)) for name in layout.slices}
    counts["region=n, plan=a"] = (inputs(50, 50, layout), pairs(layout=layout))
    counts["region=s, plan=a"] = (inputs(50, 25, layout), pairs(layout=layout))
    found = told(predictions(layout, BASELINE, monitor, counts))["consistency", "region, plan"]
    # the chance that two rows of a cell agree: 1 in the first, 24 / 49 in the second
    assert found.value == pytest.approx((1 + 24 / 49) / 2)
    assert found.n == 100


def test_ages_are_groups_by_the_deciles_of_the_baseline():
    ages = {name: values * 2 for name, values in COLUMNS.items()} | {"age": np.tile(np.arange(200.0), 2)}
    baseline = fit_baseline("m", ages, KINDS | {"age": ColumnKind.NUMERIC})
    columns = (*FAIR.columns, MonitorColumn(name="age", kind=ColumnKind.NUMERIC))
    layout = Layout.of(change(FAIR, columns=columns, protected=("age",), baseline_id=baseline.baseline_id), baseline)
    (cut,) = layout.protected
    assert len(cut.names) == 11
    assert cut.names[1] == "20<=age<40"
    monitor = change(FAIR, columns=columns, protected=("age",), baseline_id=baseline.baseline_id)
    counts = {name: (inputs(100, 50, layout), pairs(layout=layout)) for name in cut.names[:-1]}
    counts[cut.names[-1]] = (inputs(0, 0, layout), pairs(layout=layout))
    found = told(predictions(layout, baseline, monitor, counts))
    # of the youngest all are predicted yes in the reference (the first fifty rows), of those from 60 to 79 none
    assert found["demographic_parity_gap_delta", "60<=age<80"].value == pytest.approx(-1.0)
    assert found["demographic_parity_difference", "age"].value == 0.0
