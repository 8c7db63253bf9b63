"""`driftline check` against a drift service and a console of canned answers."""

import json

import httpx
import pytest

from driftline.cli import check

ENDED = {
    "check_id": "c",
    "model_id": "fraud_detector",
    "model_version": "2.0.0",
    "trigger": "ON_DEMAND",
    "status": "COMPLETED",
    "start": "2026-03-01T00:00:00Z",
    "end": "2026-03-02T00:00:00Z",
    "at": "2026-03-02T00:00:07Z",
    "n": 1200,
    "exact": True,
    "complete": False,
    "alert_generated": True,
    "alert_level": "CRITICAL",
    "risk_score": 81.25,
    "failing": [{"column": "transaction_amount", "measure": "psi", "value": 0.4, "limit": 0.25}],
    "error_message": None,
}
RUN = ("run", "fraud_detector", "--from", "2026-03-01", "--to", "2026-03-02")


@pytest.fixture
def run(monkeypatch, answering, command):
    monkeypatch.setattr(check, "POLL_SECONDS", 0.0)

    def run(*words, answers):
        """`answers`: what the console says, the last one for ever."""
        left = list(answers)

        def service(request):
            if request.method == "POST":
                return httpx.Response(202, json={"request_id": "r-1", "status": "PENDING"})
            return httpx.Response(200, json=left.pop(0) if len(left) > 1 else left[0])

        requests = answering(service)
        return *command("check", *words), requests

    return run


def test_run_asks_drift_and_waits_until_the_console_has_the_answer(run):
    code, out, _, requests = run(*RUN, answers=[[], [], [ENDED]])
    assert code == 1
    assert (requests[0].url.path, json.loads(requests[0].content)) == (
        "/v1/models/fraud_detector/checks",
        {"from": "2026-03-01", "to": "2026-03-02T00:00:00.000000Z", "model_version": "", "thresholds": {}},
    )
    assert [request.url.params["request"] for request in requests[1:]] == ["r-1"] * 3
    assert "CRITICAL  risk 81.2  1200 rows  (not complete)" in out
    assert "transaction_amount: psi 0.4, limit 0.25" in out


def test_run_takes_the_last_seven_days_unless_told_otherwise(run):
    _, _, _, requests = run("run", "fraud_detector", "--to", "2026-03-08", answers=[[ENDED]])
    assert json.loads(requests[0].content)["from"] == "2026-03-01T00:00:00.000000Z"


def test_run_takes_other_limits(run):
    _, _, _, requests = run(*RUN, "--limit", "feature.psi=0.1", "--limit", "feature.ks=0.2", answers=[[ENDED]])
    assert json.loads(requests[0].content)["thresholds"] == {"feature": {"psi": 0.1, "ks": 0.2}}
    code, _, err, requests = run(*RUN, "--limit", "psi", answers=[[ENDED]])
    assert (code, "FAMILY.MEASURE=NUMBER" in err, requests) == (2, True, [])


def test_run_refuses_a_time_that_is_none(run):
    code, _, err, requests = run("run", "fraud_detector", "--to", "yesterday", answers=[[ENDED]])
    assert (code, "is no time" in err, requests) == (2, True, [])


def test_run_ends_with_zero_where_nothing_was_found_and_with_two_where_nothing_could_be_decided(run):
    calm = ENDED | {"alert_generated": False, "alert_level": "NORMAL", "failing": []}
    empty = calm | {"status": "SKIPPED", "alert_level": None, "error_message": "no rows are kept"}
    assert run(*RUN, answers=[[calm]])[0] == 0
    code, out, _, _ = run(*RUN, answers=[[empty]])
    assert (code, "SKIPPED: no rows are kept" in out) == (2, True)


def test_run_says_where_the_answer_will_stand_if_it_does_not_come(run):
    code, _, err, _ = run(*RUN, "--wait", "0", answers=[[]])
    assert (code, "driftline check history" in err) == (2, True)


def test_history_asks_for_fifty_by_model_and_status(run):
    failed = ENDED | {"status": "FAILED", "alert_level": None, "error_message": "Drift check timeout after 300 seconds"}
    code, out, _, (request,) = run("history", "--model", "fraud_detector", "--status", "failed", answers=[[failed]])
    assert code == 0
    assert dict(request.url.params) == {"model": "fraud_detector", "status": "FAILED", "limit": "50"}
    assert "Drift check timeout after 300 seconds" in out


def test_statistics_and_schedule_are_tables_or_json(run):
    figures = {"total_models_configured": 3, "success_rate": 97.8}
    assert "success rate             97.8" in run("statistics", answers=[figures])[1]
    assert json.loads(run("statistics", "--json", answers=[figures])[1]) == figures
    planned = [{"model_id": "m", "schedule": "daily", "time_zone": "UTC", "next_run_time": None}]
    assert "disabled" in run("schedule", answers=[planned])[1]
