"""What window reports tell of groups, and how it adds up."""

from driftline.events import Measure
from driftline.governance.compliance.evidence import Group, fairness_window, groups_of
from tests.builders import report_of
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


def test_windows_of_thirty_days_add_up_over_versions():
    windows = [window(start=NOW - days * DAY, f=(10, 1), m=(5, 5)) for days in (31, 30, 2, 1)]
    rows, groups, chosen = groups_of([*windows, window(version="2", f=(1, 1))])
    assert groups == {"gender=f": Group(31, 4), "gender=m": Group(15, 15)}
    assert (rows, len(chosen)) == (46, 4)


def test_a_row_counts_once_though_windows_overlap_or_contain_each_other():
    days = [window(start=NOW - number * DAY, f=(10, 5)) for number in (3, 2, 1)]
    week = window(start=NOW - 7 * DAY, length=7 * DAY, f=(70, 35))
    assert groups_of([*days, week])[0] == 30
    hopping = [window(start=NOW - number * DAY, length=2 * DAY, f=(20, 10)) for number in (4, 3, 2)]
    assert groups_of(hopping)[0] == 40
    assert groups_of([]) == (0, {}, ())
