"""What other tolerances would have told."""

import dataclasses

import numpy as np
import pytest

from driftline.backtest.alternatives import FALSE_PAGES, SHIFTS
from driftline.backtest.page import render
from driftline.backtest.roles import Roles
from driftline.backtest.run import Backtest, run
from driftline.backtest.story import in_force
from driftline.events import Policy
from tests.unit.backtest.conftest import DAYS, made, write_csv

ROLES = Roles(time="at", prediction="predicted", score="score", label="outcome")


def wandering(seed, size):
    """x moves a little, by `size` standard deviations, on days 5 to 8 and far on days 14 and 15."""
    rows = made(seed, DAYS)
    day = np.arange(len(rows["x"])) * DAYS // len(rows["x"])
    rows["x"] = rows["x"] + size * ((day >= 5) & (day < 9)) + 2.0 * ((day >= 14) & (day < 16))
    return rows


@pytest.fixture(scope="module")
def outcome(files, tmp_path_factory):
    data = write_csv(tmp_path_factory.mktemp("wandering") / "data.csv", wandering(7, 0.45))
    return run(Backtest(data, files[0], ROLES, positive="late"))


def by_tolerance(outcome):
    return {(each.tolerance.false_pages, each.tolerance.psi): each.alarms for each in outcome.alternatives}


def test_the_tolerance_in_force_is_one_of_them_and_tells_what_the_backtest_told(outcome):
    monitor = outcome.monitor
    assert (monitor.policy, monitor.tolerated_false_pages, monitor.tolerated_psi) == (Policy.TOLERANCE, 1.0, 0.1)
    assert by_tolerance(outcome)[1.0, 0.1] == len(outcome.findings.alarms)


@pytest.mark.parametrize(("pages", "psi"), [(0.1, 0.25), (10, 0.02)])
def test_each_cell_is_what_a_monitor_with_that_tolerance_tells(outcome, files, tmp_path, pages, psi):
    document = f"{outcome.document}tolerance: at most {pages} false pages a month, tell me about shifts larger than PSI {psi}\n"
    data = write_csv(tmp_path / "data.csv", wandering(7, 0.45))
    again = run(Backtest(data, files[0], ROLES, monitor=document))
    assert (again.monitor.tolerated_false_pages, again.monitor.tolerated_psi) == (pages, psi)
    assert by_tolerance(outcome)[pages, psi] == len(again.findings.alarms)
    assert by_tolerance(again) == by_tolerance(outcome)


def test_who_tolerates_less_is_told_of_the_small_shift_too(outcome):
    found = by_tolerance(outcome)
    assert set(found) == {(pages, psi) for pages in FALSE_PAGES for psi in SHIFTS}
    assert found[1.0, 0.02] == 2
    assert found[1.0, 0.25] == 1


def test_the_page_says_what_is_tolerated(outcome):
    page = render(outcome, "data")
    assert "You tolerate at most 1 false page a month" in page
    assert 'id="alternatives"' in page
    assert "at most 0.1" in page
    told = in_force(outcome.findings, outcome.monitor, outcome.baseline)
    assert "(n = 400, baseline 2,000)" in told[2]
    assert "(n = 2,800, baseline 2,000)" in told[3]


def test_limits_in_force_are_told(outcome):
    monitor = dataclasses.replace(outcome.monitor, policy=Policy.LIMITS)
    (told,) = in_force(outcome.findings, monitor, outcome.baseline)
    assert told.startswith("Limits are in force: ")
    assert "f1 below 0.65 (performance)" in told
