"""Trends, estimates and fairness of a whole backtest: what the files say, said exactly."""

import numpy as np
import pytest

from driftline.backtest.course import analysis, decided
from driftline.backtest.page import render
from driftline.backtest.roles import Roles
from driftline.backtest.run import Backtest, run
from driftline.backtest.story import sentences
from driftline.backtest.telemetry import telemetry
from driftline.drift.trends import Course
from driftline.events import Decision
from tests.unit.backtest.conftest import write_csv

DAYS, ROWS = 12, 600
ROLES = Roles(time="at", prediction="predicted", score="score", label="outcome")


def loans(seed, days, *, worse=0.0, unfair=0.0):
    """Loans of women and men; a score is the chance of being paid back, but loses `worse` of it with every day."""
    rng = np.random.default_rng(seed)
    n = ROWS * days
    day = np.arange(n) // ROWS
    gender = np.where(rng.random(n) < 0.5, "female", "male")
    score = np.round(rng.random(n) - unfair * (gender == "female") * (day >= days // 2), 2).clip(0.01, 0.99)
    paid = rng.random(n) < np.where(score >= 0.5, score - worse * day, score + worse * day)
    second = (86_400 * (np.arange(n) % ROWS)) // ROWS
    return {
        "at": np.datetime64("2026-01-01T00:00:00") + 86_400 * day + second,
        "income": rng.normal(size=n).round(3),
        "gender": gender,
        "predicted": np.where(score >= 0.5, "paid", "lost"),
        "score": score,
        "outcome": np.where(paid, "paid", "lost"),
    }


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    folder = tmp_path_factory.mktemp("course")
    rows = loans(2, DAYS, worse=0.02, unfair=0.3)
    data, reference = write_csv(folder / "data.csv", rows), write_csv(folder / "reference.csv", loans(1, 10))
    return run(Backtest(data, reference, ROLES, positive="paid")), rows


def by_day(found, decision, name, column=None):
    reports = [report for report in decided(found.findings, found.monitor) if report.decision is decision]
    return [next(m for m in report.measures if (m.name, m.column) == (name, column)) for report in reports]


def test_a_column_called_gender_is_protected_and_its_groups_compared_at_data_close(outcome):
    found, rows = outcome
    assert found.monitor.protected == ("gender",)
    told = by_day(found, Decision.INPUTS, "demographic_parity_difference", "gender")
    paid = (rows["predicted"] == "paid").reshape(DAYS, ROWS)
    women = (rows["gender"] == "female").reshape(DAYS, ROWS)
    apart = [abs(paid[d][women[d]].mean() - paid[d][~women[d]].mean()) for d in range(DAYS)]
    assert [measure.value for measure in told] == pytest.approx(apart)
    assert all(measure.low <= measure.value <= measure.high for measure in told)
    alarms = [event for event in found.findings.alarms if event.kind == "fairness"]
    assert [(event.slice, event.window_start) for event in alarms] == [("", decided(found.findings, found.monitor)[12].start)]


def test_odds_are_decided_at_label_close_from_the_pairs_of_the_groups(outcome):
    found, rows = outcome
    told = by_day(found, Decision.PERFORMANCE, "equal_opportunity_difference", "gender")
    said, came, women = (
        (rows[name] == value).reshape(DAYS, ROWS)
        for name, value in (("predicted", "paid"), ("outcome", "paid"), ("gender", "female"))
    )
    rates = [[said[d][group & came[d]].mean() for group in (women[d], ~women[d])] for d in range(DAYS)]
    assert [measure.value for measure in told] == pytest.approx([abs(a - b) for a, b in rates])


def test_episodes_of_groups_wake_nobody(outcome):
    found, _ = outcome
    assert any(event.slice.startswith("gender=") for event in found.findings.drift)
    assert not [event for event in found.findings.drift if event.slice and event.alert]


def test_performance_is_estimated_at_data_close_and_compared_at_label_close(outcome):
    found, rows = outcome
    right = (rows["predicted"] == rows["outcome"]).reshape(DAYS, ROWS).mean(axis=1)
    expected = np.maximum(rows["score"], 1 - rows["score"]).reshape(DAYS, ROWS).mean(axis=1)
    estimated = [
        next(m for m in report.measures if (m.family, m.name) == ("estimate", "accuracy"))
        for report in decided(found.findings, found.monitor)
        if report.decision is Decision.INPUTS
    ]
    assert [measure.value for measure in estimated] == pytest.approx(expected.tolist(), abs=0.03)  # as the reference has it
    inside = [m.low <= value <= m.high for m, value in zip(estimated, right, strict=True)]
    # on the first days a score means what it meant; that it does not later on no estimate can see
    assert all(inside[:2])
    assert not any(inside[-4:])
    assert any(
        s.startswith("Without labels accuracy would have been estimated") and "no concept drift" in s for s in told(found)
    )


def told(found):
    return list(sentences(found.findings, found.monitor))


def test_the_course_of_the_model_is_told_with_its_slope_by_calendar_day(outcome):
    found, rows = outcome
    right = (rows["predicted"] == rows["outcome"]).reshape(DAYS, ROWS).mean(axis=1)
    trend = analysis(decided(found.findings, found.monitor)).trend_analysis["accuracy"]
    assert trend.direction is Course.DEGRADING
    assert trend.slope == pytest.approx(np.polyfit(np.arange(DAYS), right, 1)[0])
    assert any(sentence.startswith("accuracy is degrading: -0.0") for sentence in told(found))


def test_fairness_is_told_in_words_and_as_records(outcome):
    found, _ = outcome
    assert any("demographic_parity_difference was beyond its limit of 0.1 in 6 of 12 windows" in text for text in told(found))
    document = telemetry(decided(found.findings, found.monitor), found.monitor, found.baseline)
    last = {record["stratum_value"]: record for record in document["windows"][-1]["bias"]}
    assert set(last) == {"female", "male"}
    assert last["female"]["stratum_type"] == "GENDER"
    assert last["female"]["current_value"] > last["female"]["baseline_value"] + 0.1
    assert document["windows"][-1]["estimated"]["accuracy"] == pytest.approx(0.75, abs=0.05)


def test_the_page_shows_where_the_model_is_going(outcome):
    page = render(outcome[0], "loans")
    assert "Where the model is going" in page
    assert "accuracy, estimated" in page
