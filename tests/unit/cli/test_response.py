"""`driftline response` against an alerting service of canned answers."""

import json

import pytest

PLAN = {
    "plan_id": "rsp_1",
    "model_id": "flights.delay",
    "model_version": "2",
    "state": "awaiting_approval",
    "mode": "approve",
    "band": "emergency",
    "risk_score": 84.5,
    "actions": ["rollback_model"],
    "reason": "a person must approve it",
}
RECORD = {
    **PLAN,
    "evidence": {"n": "900"},
    "guards": [{"guard": "approval", "passed": False, "reason": "a person must approve it"}],
    "results": [{"action": "rollback_model", "status": "pending", "error": None, "idempotency_key": "k"}],
    "history": [
        {"at": "2026-01-01", "step": "decision_matrix", "state": "awaiting_approval", "by": "driftline", "reason": "r"}
    ],
}
MODES = {
    "policy_version": "1",
    "kill_switch": True,
    "kill_switch_reason": "fire",
    "models": [
        {
            "model_id": "flights.delay",
            "mode": "auto",
            "band": "record",
            "switched_off": "3 plans",
            "set_by": "ada",
            "acts": False,
        }
    ],
}


@pytest.fixture
def run(ask):
    return lambda status, body, *words: ask(status, body, "response", *words)


def test_list_finds_what_waits_for_approval(run):
    code, out, _, (request,) = run(200, {"plans": [PLAN]}, "list", "--state", "awaiting_approval")
    assert code == 1
    assert "rsp_1" in out
    assert "rollback_model" in out
    assert request.url.params["state"] == "awaiting_approval"
    assert run(200, {"plans": [{**PLAN, "state": "effective"}]}, "list", "--json")[0] == 0


def test_show_tells_evidence_guards_and_history(run):
    code, out, _, _ = run(200, RECORD, "show", "rsp_1")
    assert code == 0
    for words in ("n: 900", "approval", "held", "pending", "decision_matrix"):
        assert words in out
    assert json.loads(run(200, RECORD, "show", "rsp_1", "--json")[1]) == RECORD


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_a_decision_says_why(run, verb):
    code, out, _, (request,) = run(200, {**RECORD, "state": "approved", "reason": "go on"}, verb, "rsp_1", "--reason", "go on")
    assert (code, out) == (0, "rsp_1 is approved: go on\n")
    assert request.url.path == f"/v1/responses/rsp_1/{verb}"
    assert json.loads(request.content) == {"reason": "go on"}
    assert run(200, RECORD, verb, "rsp_1")[0] == 2


def test_what_the_service_refuses_is_said_in_its_words(run):
    code, _, err, _ = run(
        409, {"detail": "the plan is expired; it does not wait for approval"}, "approve", "rsp_1", "--reason", "r"
    )
    assert code == 2
    assert "the plan is expired" in err


def test_modes_are_shown_and_set(run):
    _, out, _, (request,) = run(200, MODES, "mode")
    assert request.method == "GET"
    assert "everything is stopped: fire" in out
    assert "3 plans" in out
    _, _, _, (request,) = run(200, MODES, "mode", "flights.delay", "policy", "--reason", "mended")
    assert (request.method, json.loads(request.content)) == ("PUT", {"mode": None, "reason": "mended"})
    _, _, _, (request,) = run(200, MODES, "mode", "*", "off", "--reason", "fire")
    assert request.url.path == "/v1/responses/modes/*"


def test_release_hands_back(run):
    code, out, _, (request,) = run(200, {"serving": []}, "release", "flights.delay", "--reason", "mended")
    assert (code, out) == (0, "flights.delay is served as it was deployed\n")
    assert request.url.path == "/v1/responses/serving/flights.delay/release"


def test_a_policy_is_checked_without_a_service(run, tmp_path):
    file = tmp_path / "response.yml"
    file.write_text("models: {m: {mode: auto}}", encoding="utf-8")
    assert run(200, {}, "check-policy", str(file))[:2] == (0, f"{file}: version 1, 1 model; others are in shadow\n")
    file.write_text("models:\n  m: {mode: on}", encoding="utf-8")
    code, out, _, _ = run(200, {}, "check-policy", str(file))
    assert code == 1
    assert out.startswith(f"{file}:2: models.m.mode: 'on' is not known")


def test_a_service_without_a_response_is_named_not_its_page(run):
    code, _, error, *_ = run(404, {"detail": "Not Found"}, "list")
    assert code == 2
    assert "alerting answered 404; does DRIFTLINE_ALERTING_URL name the alerting service?" in error
