"""`driftline trends` on the in-memory twin."""

from __future__ import annotations

import json

import pytest

from driftline import topics
from driftline.cli import trends
from driftline.clock import ManualClock
from driftline.codec import encode
from driftline.events import Decision, Measure
from driftline.kafka.memory import MemoryCluster
from driftline.runtime.preflight import new_topic
from tests.builders import report_of

DAY = 86_400_000_000
START = 1_362_096_000_000_000
"""2013-03-01 UTC."""


@pytest.fixture
def cluster(monkeypatch):
    made = MemoryCluster(ManualClock(1_700_000_000_000_000))
    made.admin().create([new_topic(topics.catalogue()["windows"])])
    monkeypatch.setattr(trends, "cluster", lambda _bootstrap: made)
    return made


def window(
    day, *measures, model="shop.churn", version="1", granularity="1 day", decision=Decision.PERFORMANCE, revision=2, n=8640
):
    return report_of(
        model_id=model,
        model_version=version,
        granularity=granularity,
        start=START + day * DAY,
        end=START + (day + 1) * DAY,
        revision=revision,
        decision=decision,
        n=n,
        labels_in_time=100,
        measures=tuple(measures),
    )


def f1(value, limit=None):
    return Measure(family="performance", name="f1", value=value, limit=limit)


def send(cluster, *reports):
    for report in reports:
        key = f"{report.model_id}/{report.model_version}//{report.granularity}/{report.start}"
        cluster.producer().produce(topics.name("windows"), encode(report), key=key.encode())


@pytest.fixture
def run(command):
    return lambda *words: command("trends", *words)


def falling(version="1", **more):
    return [window(day, f1(0.9 - 0.01 * day + 0.001 * (-1) ** day), version=version, **more) for day in range(20)]


def test_a_model_that_degrades_is_exit_1_with_its_slope_forecast_and_summary(cluster, run):
    send(cluster, *falling())
    code, out, _ = run("shop.churn", "--json")
    found = json.loads(out)
    assert code == 1
    assert (found["model_version"], found["granularity"]) == ("1", "1 day")
    trend = found["trend_analysis"]["f1"]
    assert trend["direction"] == "degrading"
    assert trend["slope"] == pytest.approx(-0.01, abs=1e-4)
    assert len(found["historical_data"]["f1"]) == 20
    last = found["forecasts"]["f1"]["points"][-1]
    assert last["value"] == pytest.approx(0.9 - 0.01 * 26, abs=2e-3)  # a week after the window of day 19
    assert last["low"] < last["value"] < last["high"] < 1
    assert [(alert["type"], alert["severity"]) for alert in found["alerts"]] == [
        ("performance_degradation", "high"),
        ("forecast_alert", "medium"),  # below .65
    ]
    assert found["summary"]["key_concerns"] == ["f1"]
    # throughput does not change: one of two degrades
    assert (found["summary"]["degrading_metrics_count"], found["summary"]["total_metrics_count"]) == (1, 2)


def test_the_limit_of_the_monitor_goes_before_the_usual_one(cluster, run):
    send(cluster, *[window(day, f1(0.9 - 0.001 * day + 0.0001 * (-1) ** day, limit=0.88)) for day in range(20)])
    code, out, _ = run("shop.churn", "--json")
    assert code == 1
    assert "forecast_alert" in [alert["type"] for alert in json.loads(out)["alerts"]]
    assert "drop below threshold (0.88)" in out


def test_a_steady_model_is_exit_0_and_said_to_be_good(cluster, run):
    send(cluster, *[window(day, f1(0.9 + 0.001 * (-1) ** day)) for day in range(20)])
    code, out, _ = run("shop.churn")
    assert code == 0
    assert "f1" in out
    assert "stable" in out
    assert out.splitlines()[-1] == "health good: 0 of 2 metrics degrading"


def test_windows_that_nobody_decided_on_are_no_points_and_the_last_decision_counts(cluster, run):
    windows = [window(day, f1(0.9)) for day in range(5)]
    few = window(5, f1(0.1), decision=Decision.NONE)
    again = window(4, f1(0.8), revision=3)
    send(cluster, *windows, few, again)
    _, out, _ = run("shop.churn", "--json")
    assert [value for _, value in json.loads(out)["historical_data"]["f1"]] == [0.9, 0.9, 0.9, 0.9, 0.8]


def test_estimates_are_no_history_of_what_came_out(cluster, run):
    estimated = Measure(family="estimate", name="f1", value=0.5)
    send(cluster, *[window(day, f1(0.9), estimated) for day in range(3)])
    _, out, _ = run("shop.churn", "--json")
    assert {value for _, value in json.loads(out)["historical_data"]["f1"]} == {0.9}


def test_throughput_and_latency_have_a_course_too(cluster, run):
    slow = Measure(family="quality", name="p95", column=":latency_ms", value=12.0)
    send(cluster, *[window(day, slow, decision=Decision.INPUTS) for day in range(3)])
    _, out, _ = run("shop.churn", "--json")
    history = json.loads(out)["historical_data"]
    assert {value for _, value in history["latency_p95"]} == {12.0}
    assert {value for _, value in history["throughput"]} == {0.1}  # 8640 rows a day


def test_costs_have_trends_and_more_of_them_is_worse(cluster, run):
    loss = [Measure(family="business", name="expected_loss", value=30 + 0.5 * day + 0.01 * (-1) ** day) for day in range(20)]
    send(cluster, *[window(day, loss[day]) for day in range(20)])
    code, out, _ = run("shop.churn")
    assert code == 1
    assert "expected_loss forecast to rise above threshold (40.00)" in out


def test_the_version_of_the_last_window_and_days_are_meant_unless_others_are_named(cluster, run):
    send(cluster, *falling("1"), *[window(day, f1(0.9), version="2") for day in range(20, 24)])
    send(cluster, *[window(day, f1(0.9), version="2", granularity="1 hour") for day in range(20, 30)])
    send(cluster, window(0, f1(0.1), model="shop.churn2"))
    _, out, _ = run("shop.churn", "--json")
    assert (json.loads(out)["model_version"], json.loads(out)["granularity"]) == ("2", "1 day")
    _, out, _ = run("shop.churn", "--json", "--model-version", "1", "--days", "5")
    assert len(json.loads(out)["historical_data"]["f1"]) == 5


def test_a_model_without_windows_is_exit_2_with_what_there_is(cluster, run):
    code, _, err = run("shop.churn")
    assert (code, "there are none at all" in err) == (2, True)
    send(cluster, window(0, f1(0.9)))
    code, _, err = run("shop.churn", "--granularity", "1 week")
    assert (code, "1 by 1 day" in err) == (2, True)
