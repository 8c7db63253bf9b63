"""What window reports tell of groups, and how it adds up."""

from dataclasses import replace

from driftline.drift.fairness import outcomes, predictions
from driftline.events import Measure
from driftline.governance.compliance.evidence import Group, fairness_window, groups_of, looked_at
from tests.builders import report_of
from tests.unit.drift.fairness.test_measures import BASELINE, FAIR, LAYOUT, slices
from tests.unit.governance.compliance.builders import DAY, NOW, window


def rate(name, column, value, n):
    family = "fairness" if name == "selection_rate" else "outcome_fairness"
    return Measure(family=family, name=name, column=column, value=value, n=n)


def test_rates_are_counts_again():
    report = report_of(
        n=200,
        measures=(
            rate("selection_rate", "gender=f", 1 / 3, 90),
            rate("selection_rate", "gender=m", 0.5, 110),
            rate("selection_rate", "gender=x", None, 0),
            rate("accuracy", "gender=f", 0.9, 50),
            Measure(family="feature", name="psi", column="temp", value=0.1),
        ),
    )
    found = fairness_window(report)
    assert found.rows == 200
    assert found.groups == {"gender=f": Group(90, 30, 50, 45), "gender=m": Group(110, 55, 0, 0)}


def test_a_slice_or_a_window_without_groups_tells_nothing():
    groups = (rate("selection_rate", "gender=f", 0.5, 10),)
    assert fairness_window(report_of(slice="carrier=UA", measures=groups)) is None
    assert fairness_window(report_of(measures=())) is None


def rows_of(windows):
    return groups_of(looked_at(windows), "gender")[0]


def test_windows_of_thirty_days_add_up_over_versions():
    windows = [window(start=NOW - days * DAY, f=(10, 1), m=(5, 5)) for days in (31, 30, 2, 1)]
    chosen = looked_at([*windows, window(version="2", f=(1, 1))])
    rows, groups = groups_of(chosen, "gender")
    assert groups == {"gender=f": Group(31, 4), "gender=m": Group(15, 15)}
    assert (rows, len(chosen)) == (46, 4)


def test_a_row_counts_once_though_windows_overlap_or_contain_each_other():
    days = [window(start=NOW - number * DAY, f=(10, 5)) for number in (3, 2, 1)]
    week = window(start=NOW - 7 * DAY, length=7 * DAY, f=(30, 15))
    assert looked_at([week, *days]) == days
    hopping = [window(start=NOW - number * DAY, length=2 * DAY, f=(20, 10)) for number in (4, 3, 2)]
    assert rows_of(hopping) == 40
    assert looked_at([]) == []


def test_a_granularity_that_the_monitor_gave_up_is_not_looked_at_once_another_knows_more():
    hour = window(start=NOW - 20 * DAY, length=DAY // 24, f=(10, 5))
    days = [window(start=NOW - number * DAY, f=(10, 5)) for number in (2, 1)]
    assert looked_at([hour, *days]) == days


def test_windows_from_before_a_column_was_protected_do_not_count_as_rows_of_no_group():
    before = replace(window(start=NOW - 2 * DAY, f=(10, 1)), groups={"age=old": Group(10, 1)})
    assert rows_of([before, window(f=(7, 1))]) == 7


def test_what_drift_measures_of_groups_is_understood():
    seen = slices((100, 30), (200, 100), (7, 1), labels=((20, 5, 5, 30), (60, 10, 10, 70)))
    measures = (*predictions(LAYOUT, BASELINE, FAIR, seen), *outcomes(LAYOUT, FAIR, seen))
    found = fairness_window(report_of(n=307, measures=measures))
    assert found.groups == {"gender=female": Group(100, 30, 60, 50), "gender=male": Group(200, 100, 150, 130)}
    assert found.rows == 307
