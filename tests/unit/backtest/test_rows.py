"""Detectors that look at rows, through the whole evaluator: KSWIN, and the multivariate tests."""

import numpy as np
import pytest
import yaml

from driftline.backtest.roles import Roles
from driftline.backtest.run import Backtest, run
from driftline.backtest.story import deciding
from driftline.events import DriftDetected
from tests.unit.backtest.conftest import ROWS_OF_A_DAY, write_csv

DAYS = 20
ROLES = Roles(time="at")


def rows(seed, days, *, together_from=None):
    """Two columns that each stay as they are, and go together from one day on."""
    rng = np.random.default_rng(seed)
    n = ROWS_OF_A_DAY * days
    x, y = rng.normal(size=(2, n))
    if together_from is not None:
        after = np.arange(n) // ROWS_OF_A_DAY >= together_from
        y = np.where(after, 0.9 * x + np.sqrt(1 - 0.81) * y, y)
    at = np.datetime64("2026-01-01T00:00:00") + (86_400 * np.arange(n)) // ROWS_OF_A_DAY
    return {"at": at, "x": x, "y": y, "plan": rng.choice(["a", "b"], size=n)}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    return write_csv(folder / "reference.csv", rows(1, 5)), write_csv(folder / "data.csv", rows(2, DAYS, together_from=10))


def exceeds(measure):
    assert measure.value is not None
    assert measure.limit is not None
    return measure.value > measure.limit


def backtest(files, **asked):
    first = run(Backtest(files[1], files[0], ROLES))
    document = yaml.safe_load(first.document) | asked
    return run(Backtest(files[1], files[0], ROLES, monitor=yaml.safe_dump(document)))


@pytest.mark.parametrize("test", ["domain_classifier", "mmd"])
def test_columns_that_begin_to_go_together_are_found_by_a_test_of_all_together_and_by_none_of_each(files, test):
    found = backtest(files, multivariate=test, granularities=["1 day"], alert_on="1 day")
    reports = deciding(found.findings, found.monitor)
    told = [next(m for m in report.measures if m.family == "multivariate") for report in reports]
    assert [m.name for m in told] == [test] * DAYS
    assert [m.violated for m in told] == [False] * 10 + [True] * 10
    assert [exceeds(m) for m in told] == [m.violated for m in told]
    begun = [event.kind for event in found.findings.drift if isinstance(event, DriftDetected) and event.sequence == 1]
    assert begun == ["multivariate"]


def test_kswin_looks_at_rows_of_each_number_and_says_when_they_change(files, tmp_path):
    data = rows(3, DAYS)
    data["x"] = np.where(np.arange(len(data["x"])) // ROWS_OF_A_DAY >= 12, data["x"] * 4, data["x"])
    moved = write_csv(tmp_path / "moved.csv", data)
    found = backtest((files[0], moved), detectors={"feature": ["kswin"]}, granularities=["1 day"], alert_on="1 day")
    reports = deciding(found.findings, found.monitor)
    alarms = [(at, m.column) for at, report in enumerate(reports) for m in report.measures if m.name == "kswin" and m.violated]
    assert (12, "x") in alarms
    assert {column for _, column in alarms} == {"x"}
    assert not [m for report in reports for m in report.measures if m.name == "kswin" and m.column == "plan"]


def test_moments_compare_with_the_windows_before_and_learn_anew_after_a_change(files, tmp_path):
    data = rows(5, 30)
    wider = np.where(np.arange(len(data["x"])) // ROWS_OF_A_DAY >= 24, 1.6, 1.0)
    data["x"], data["y"] = data["x"] * wider, data["y"] * wider
    found = backtest(
        (files[0], write_csv(tmp_path / "wider.csv", data)), multivariate="moments", granularities=["1 day"], alert_on="1 day"
    )
    told = [m for report in deciding(found.findings, found.monitor) for m in report.measures if m.family == "multivariate"]
    assert [m.value is None for m in told] == [True] * 20 + [False] * 5 + [True] * 5
    assert [at for at, m in enumerate(told) if m.violated] == [24]
    begun = [event for event in found.findings.drift if isinstance(event, DriftDetected) and event.kind == "multivariate"]
    assert len(begun) == 1
