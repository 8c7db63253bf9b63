"""`driftline windows` on the in-memory twin."""

from __future__ import annotations

import csv
import io
import json

import pytest

from driftline import codec, topics
from driftline.cli import windows
from driftline.clock import ManualClock
from driftline.events import Decision, WindowReport
from driftline.kafka.memory import MemoryCluster
from driftline.runtime.preflight import new_topic
from tests.unit.drift.windows.building import BASELINE, HOUR, MONITOR, START, change, feed

HOURLY = change(MONITOR, granularities=("1 hour",), alert_on="1 hour", labels=False)


@pytest.fixture
def cluster(monkeypatch):
    """Two hours of two versions; the first hour was revised."""
    made = MemoryCluster(ManualClock(1_700_000_000_000_000))
    known = topics.catalogue()
    made.admin().create([new_topic(known[name]) for name in ("windows", "monitors", "baselines", "schemas")])
    monkeypatch.setattr(windows, "cluster", lambda _bootstrap: made)
    send(made, "baselines", BASELINE, BASELINE.baseline_id)
    send(made, "monitors", HOURLY, "m/1")
    stream = feed(HOURLY)
    for hour in range(2):
        stream.rows(START + hour * HOUR, {"AA": 600, "UA": 600}, version="1")
        stream.rows(START + hour * HOUR, {"AA": 900, "UA": 100}, version="2")
    stream.mark(START + 2 * HOUR + HOUR)
    stream.rows(START, {"AA": 5}, version="1")
    stream.mark(START + 9 * HOUR)
    for report in stream.told(WindowReport):
        send(made, "windows", report, f"m/{report.model_version}//1 hour/{report.start}")
    assert {report.decision for report in stream.told(WindowReport)} == {Decision.INPUTS, Decision.NONE}
    return made


def send(cluster, topic, event, key):
    cluster.producer().produce(topics.name(topic), codec.encode(event), key=key.encode(), partition=0)


@pytest.fixture
def run(command):
    return lambda *words: command("windows", *words)


@pytest.mark.usefixtures("cluster")
def test_windows_are_exported_as_csv_with_their_last_revision(run):
    code, out, _ = run("export", "m", "--table", "profile_metrics")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0
    whole = [row for row in rows if row["column_name"] == ":table"]
    assert [(row["model_version"], row["count"]) for row in whole] == [
        ("1", "1205"),
        ("2", "1000"),
        ("1", "1200"),
        ("2", "1000"),
    ]
    assert {row["column_name"] for row in rows} == {":table", "carrier", ":prediction"}
    assert [row["prediction_distribution.late"] for row in whole] == [row["count"] for row in whole]


@pytest.mark.usefixtures("cluster")
def test_drift_rows_are_json_too_and_can_be_bounded_in_time(run):
    code, out, _ = run("export", "m", "--json", "--from", "2013-03-01T01:00")
    rows = json.loads(out)
    assert code == 0
    assert {row["window.start"] for row in rows} == {"2013-03-01T01:00:00.000000Z"}
    assert {row["drift_type"] for row in rows} == {"BASELINE"}


@pytest.mark.usefixtures("cluster")
def test_a_table_can_be_written_to_a_file_and_a_bad_place_is_told(tmp_path, run):
    assert run("export", "m", "--out", str(tmp_path / "drift.csv"))[0] == 0
    assert (tmp_path / "drift.csv").read_text().startswith("window.start,window.end,granularity")
    assert run("export", "m", "--out", str(tmp_path), "--schema", "prod.monitoring")[0] == 0
    assert (tmp_path / "prod.monitoring.m_drift_metrics.csv").read_text() == (tmp_path / "drift.csv").read_text()
    code, _, err = run("export", "m", "--out", str(tmp_path / "none" / "drift.csv"))
    assert code == 2
    assert "--out" in err


@pytest.mark.usefixtures("cluster")
def test_a_time_that_is_none_is_told(run):
    code, _, err = run("export", "m", "--from", "yesterday")
    assert code == 2
    assert "no time" in err


@pytest.mark.usefixtures("cluster")
def test_the_classic_assessment_counts_violations_and_says_how_severe_they_are(run):
    code, out, _ = run("drift", "m", "--granularity", "1 hour", "--against", "baseline")
    assert code == 1
    assert out.splitlines()[-1].startswith("risk ")
    found = json.loads(run("drift", "m", "--granularity", "1 hour", "--against", "baseline", "--json")[1])
    assert found["feature_drift"]["violations"] == 6  # js, tv and chi-squared of the carrier, in two hours of version 2
    assert found["feature_drift"]["total_features_checked"] == 1
    assert found["severity_level"] in ("LOW", "MEDIUM", "HIGH", "CRITICAL")
    code, _, err = run("drift", "m")
    assert code == 2
    assert "--granularity" in err


@pytest.mark.usefixtures("cluster")
def test_versions_stand_side_by_side_with_how_far_they_are_apart(run):
    code, out, _ = run("versions", "m")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split()[:4] == ["WINDOW", "LENGTH", "VERSION", "ROWS"]
    assert len(lines) == 5
    assert "carrier" in lines[2]
    found = json.loads(run("versions", "m", "--json")[1])
    assert found[1]["columns"][0]["column"] == "carrier"
    assert found[1]["columns"][0]["p_value"] < 1e-6
