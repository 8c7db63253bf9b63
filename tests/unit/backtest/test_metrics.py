"""Business metrics of a backtest, to the value: customers who may leave, half of whom nobody knows of yet whether they did."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_recall_fscore_support

from driftline.backtest.page import render
from driftline.backtest.roles import Roles
from driftline.backtest.run import Backtest, run
from driftline.backtest.story import deciding
from driftline.drift.windows.rows import profile_metrics
from driftline.events import Decision
from tests.unit.backtest.conftest import write_csv

ROLES = Roles(time="at", prediction="predicted", score="score", label="outcome", categorical=("predicted", "outcome"))
DOCUMENT = """
baseline: fitted
positive_class: 'Yes'
granularities: [1 day]
label_delay: 0 seconds
lateness: 0 seconds
policy: limits
metrics:
  - pack: business
  - pack: telecom
  - pack: adaptive
  - {name: charge, definition: avg(monthly_charges)}
  - {name: moved, type: drift, definition: "{{current_df}}.charge - {{base_df}}.charge"}
  - {name: spread, definition: stddev_pop(monthly_charges)}
thresholds:
  business:
    expected_loss: 2.5
    charge: {above: 80}
"""
DAYS, ROWS = 3, 1000


def customers(days, first_day=0):
    """A thousand a day. Even ones pay 90, odd ones 60, and all 10 more each day; the model errs on the first 76 of the even ones."""
    number = np.tile(np.arange(ROWS), days)
    day = np.repeat(np.arange(days), ROWS)
    leaves = number % 10 < 3
    wrong = (number % 2 == 0) & (number // 2 < 76)
    unknown = (number // 2) % 2 == 1
    outcome = np.where(leaves, "Yes", "No").astype(object)
    if first_day >= 0:
        outcome[unknown] = ""
    return {
        "at": np.datetime64("2026-03-02T00:00:00") + 86_400 * (first_day + day) + number,
        "monthly_charges": np.where(number % 2 == 0, 90.0, 60.0) + 10.0 * day,
        "tenure": np.full(len(number), 10.0) + number % 7,
        "internet_service": np.where(number % 4 == 0, "Fiber optic", "DSL"),
        "predicted": np.where(leaves ^ wrong, "Yes", "No"),
        "score": np.where(number % 5 == 0, 0.6, 0.9),
        "outcome": outcome,
    }


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    folder = tmp_path_factory.mktemp("metrics")
    reference = write_csv(folder / "reference.csv", customers(1, first_day=-1))
    data = write_csv(folder / "data.csv", customers(DAYS))
    return run(Backtest(data, reference, ROLES, monitor=DOCUMENT))


def told(report, name):
    (found,) = [measure for measure in report.measures if (measure.family, measure.name) == ("business", name)]
    return found


def values(outcome, name):
    return [told(report, name).value for report in deciding(outcome.findings, outcome.monitor)]


def test_rows_whose_outcome_is_not_known_are_neither_right_nor_wrong(outcome):
    """212 of the 250 known ones who pay more than 80 were judged rightly; of all 500 of them that is .424."""
    assert values(outcome, "high_value_accuracy") == [0.848] * DAYS
    (first, *_) = deciding(outcome.findings, outcome.monitor)
    assert (told(first, "high_value_accuracy").n, first.n, first.label_coverage) == (500, 1000, 0.5)


def test_an_unknown_outcome_is_no_loss_of_nothing(outcome):
    """15 of the 500 known ones left unforeseen, at 90 a month, and 10 more each day."""
    assert values(outcome, "expected_loss") == pytest.approx([-15 * charge / 500 for charge in (90, 100, 110)], rel=1e-12)


def test_metrics_of_the_inputs_stand_on_every_row(outcome):
    rows = customers(DAYS)
    leaving = (rows["predicted"] == "Yes").reshape(DAYS, ROWS)
    charges = rows["monthly_charges"].reshape(DAYS, ROWS)
    assert values(outcome, "revenue_at_risk") == [float(12 * charges[day][leaving[day]].sum()) for day in range(DAYS)]
    assert values(outcome, "charge") == [75.0, 85.0, 95.0]
    assert values(outcome, "spread") == pytest.approx([15.0] * DAYS)
    assert values(outcome, "prediction_confidence") == [0.8] * DAYS
    assert values(outcome, "model_uncertainty") == [0.2] * DAYS
    assert told(deciding(outcome.findings, outcome.monitor)[0], "charge").n is None


def test_packs_of_outcomes_are_what_their_sql_says(outcome):
    rows = {name: found[:ROWS] for name, found in customers(1).items()}
    known = rows["outcome"] != ""
    right = rows["predicted"] == rows["outcome"]
    offered = known & (rows["predicted"] == "Yes") & (rows["outcome"] == "No")
    fiber = known & (rows["internet_service"] == "Fiber optic")
    kept = np.where(right, 0.8, -1.0) * rows["monthly_charges"] * rows["tenure"] * (rows["outcome"] == "Yes")
    assert values(outcome, "false_positive_cost")[0] == 500.0 * offered.sum()
    assert values(outcome, "fiber_customer_accuracy")[0] == (fiber & right).sum() / fiber.sum()
    assert values(outcome, "clv_impact")[0] == pytest.approx(kept[known].mean(), rel=1e-12)


def test_drift_metrics_compare_with_the_reference_and_with_the_window_before(outcome):
    assert values(outcome, "moved") == [0.0, 10.0, 20.0]
    assert values(outcome, "moved:previous") == [None, 10.0, 10.0]


def test_limits_of_metrics_alarm_on_inputs_at_data_close_and_on_outcomes_at_label_close(outcome):
    loss = [told(report, "expected_loss") for report in deciding(outcome.findings, outcome.monitor)]
    assert [(measure.limit, measure.violated) for measure in loss] == [(2.5, True)] * DAYS  # 2.7, 3 and 3.3: the size counts
    decided = {
        (report.decision, measure.name)
        for report in outcome.findings.decided.values()
        for measure in report.measures
        if measure.violated and measure.family == "business"
    }
    assert decided == {
        (Decision.INPUTS, "charge"), (Decision.PERFORMANCE, "charge"),
        (Decision.INPUTS, "revenue_at_risk"), (Decision.PERFORMANCE, "revenue_at_risk"), (Decision.PERFORMANCE, "expected_loss"),
    }  # fmt: skip
    alarms = {alarm.kind: [check.measure for check in alarm.columns] for alarm in outcome.findings.alarms}
    assert alarms["business"] == ["revenue_at_risk"]
    assert alarms["outcome_business"] == ["expected_loss"]


def test_the_page_shows_metrics(outcome):
    page = render(outcome, "customers")
    assert '<table id="metrics-table">' in page
    assert '<td>high_value_accuracy</td><td class="n">0.848</td>' in page


def test_a_limit_follows_the_windows_before_and_learns_nothing_from_those_that_break_it(tmp_path):
    """Median .2, deviations of .01: 4 x 1.4826 x .01 above it, from the ninth window on."""
    uncertain = [0.19, 0.21, 0.2] * 3 + [0.2, 0.5, 0.5, 0.2]
    rows = {name: np.tile(found, len(uncertain)) for name, found in customers(1).items()}
    number, day = np.arange(ROWS * len(uncertain)) % ROWS, np.arange(ROWS * len(uncertain)) // ROWS
    rows["at"] = rows["at"] + 86_400 * day
    rows["score"] = np.where(number < ROWS * np.array(uncertain)[day], 0.5, 0.95)
    reference = write_csv(tmp_path / "reference.csv", customers(1, first_day=-1))
    found = run(Backtest(write_csv(tmp_path / "data.csv", rows), reference, ROLES, monitor=DOCUMENT))
    measures = [told(report, "model_uncertainty") for report in deciding(found.findings, found.monitor)]
    assert [measure.value for measure in measures] == pytest.approx(uncertain)
    assert [measure.limit for measure in measures[:8]] == [None] * 8
    assert [measure.violated for measure in measures[8:]] == [False, False, True, True, False]
    assert measures[11].limit == measures[10].limit == pytest.approx(0.2 + 4 * 1.4826 * 0.01)


def test_the_table_of_a_binary_model_has_what_dashboards_read(outcome):
    """Means over the classes are scikit-learn's, of the labelled half alone; predictions are counted whether labelled or not."""
    report = deciding(outcome.findings, outcome.monitor)[0]
    table, *_ = profile_metrics(report, outcome.layout)
    rows = customers(1)
    known = rows["outcome"] != ""
    was, said = rows["outcome"][known].astype(str), rows["predicted"][known]
    precision, recall, f1, _ = precision_recall_fscore_support(was, said, average="macro")
    assert [table[f"{name}.macro"] for name in ("precision", "recall", "f1_score")] == pytest.approx([precision, recall, f1])
    assert table["f1_score.weighted"] == pytest.approx(f1_score(was, said, average="weighted"))
    assert table["accuracy"] == pytest.approx(np.mean(was == said))
    predicted = {name: count for name, count in table.items() if name.startswith("prediction_distribution.")}
    assert predicted == {f"prediction_distribution.{name}": int((rows["predicted"] == name).sum()) for name in ("Yes", "No")}
    for name in ("expected_loss", "revenue_at_risk", "false_positive_cost", "high_value_accuracy"):
        assert table[name] == told(report, name).value is not None
    assert not {"f1_score.macro", "prediction_distribution.Yes"} & profile_metrics(report)[0].keys()
    assert "f1_score.macro" not in profile_metrics(replace(report, layout="another"), outcome.layout)[0]
