"""The response over HTTP: who may see, decide, stop; what is refused, in which words."""

import pytest
from prometheus_client import CollectorRegistry

from driftline.alerting.response.policy import Mode
from driftline.runtime.health import Health
from driftline.runtime.http import Access, create_app
from driftline.runtime.tokens import TokenBook, create_token
from services.alerting.api.response import response_routes
from tests.unit.alerting.response.builders import MODEL, policy
from tests.unit.services.alerting.conftest import Door
from tests.unit.services.alerting.response.test_responder import drift

WHY = {"reason": "because"}


@pytest.fixture
def house(make_house):
    found = make_house(policy(Mode.APPROVE))
    drift(found, 45, 45)
    return found


@pytest.fixture
def door(house, tmp_path):
    file = tmp_path / "tokens.json"
    tokens = {role: create_token(file, role, [role]) for role in ("viewer", "operator", "approver", "producer")}
    app = create_app("test", health=Health(), registry=CollectorRegistry())
    app.include_router(response_routes(house.database, lambda: house.rules, Access(TokenBook(file)), house.people))
    return Door(app, tokens)


def plan_of(door):
    return door.get("/v1/responses").json()["plans"][0]["plan_id"]


def test_plans_are_listed_and_shown_with_evidence_guards_and_history(door):
    (found,) = door.get("/v1/responses", params={"state": "awaiting_approval", "runbook": "drift-runbook"}).json()["plans"]
    assert (found["model_id"], found["actions"], found["band"]) == (MODEL, ["retrain_model"], "remediate")
    assert door.get("/v1/responses", params={"runbook": "data-quality-runbook"}).json()["plans"] == []
    assert door.get("/v1/responses", params={"runbook": "x"}).status_code == 404
    record = door.get(f"/v1/responses/{found['plan_id']}").json()
    assert len(record["guards"]) == 11
    assert record["evidence"]["overall_risk_score"] == "45.00"
    assert [line["step"] for line in record["history"]] == ["assess_monitoring_state", "evaluate_risk", "decision_matrix"]
    text = door.get(f"/v1/responses/{found['plan_id']}/record.md")
    assert text.headers["content-type"].startswith("text/markdown")
    assert "| approval | held | a person must approve it |" in text.text


def test_only_an_approver_approves(door, house):
    plan = plan_of(door)
    for role in ("viewer", "operator", "producer"):
        assert door.send("POST", f"/v1/responses/{plan}/approve", role=role, json=WHY).status_code == 403
    assert door.send("POST", f"/v1/responses/{plan}/approve", role=None, json=WHY).status_code == 401
    assert door.send("POST", f"/v1/responses/{plan}/approve", role="approver", json={"reason": ""}).status_code == 422
    house.publish()
    assert house.commands() == []
    done = door.send("POST", f"/v1/responses/{plan}/approve", role="approver", json=WHY).json()
    assert (done["state"], done["approved_by"]) == ("verifying", "approver")
    again = door.send("POST", f"/v1/responses/{plan}/approve", role="approver", json=WHY)
    assert (again.status_code, again.json()["detail"]) == (409, "the plan is verifying; it does not wait for approval")


def test_an_operator_rejects(door):
    assert door.send("POST", f"/v1/responses/{plan_of(door)}/reject", json=WHY).json()["state"] == "rejected"


def test_a_plan_that_is_unknown_is_said_to_be(door):
    assert door.get("/v1/responses/rsp_none").status_code == 404
    assert door.send("POST", "/v1/responses/rsp_none/approve", role="approver", json=WHY).json()["code"] == "unknown_plan"


def test_whoever_may_stop_may_not_let_loose(door):
    to = f"/v1/responses/modes/{MODEL}"
    assert door.send("PUT", to, json={**WHY, "mode": "auto"}).status_code == 403
    stopped = door.send("PUT", to, json={**WHY, "mode": "off"}).json()["models"][0]
    assert (stopped["mode"], stopped["acts"], stopped["set_by"]) == ("off", False, "operator: because")
    loose = door.send("PUT", to, role="approver", json={**WHY, "mode": "auto"}).json()["models"][0]
    assert (loose["mode"], loose["acts"]) == ("auto", True)


def test_everything_is_stopped_and_let_go_again(door):
    to = "/v1/responses/modes/*"
    assert door.send("PUT", to, role="approver", json={**WHY, "mode": "auto"}).status_code == 422
    stopped = door.send("PUT", to, json={**WHY, "mode": "off"}).json()
    assert (stopped["kill_switch"], stopped["kill_switch_reason"]) == (True, "because")
    assert door.send("PUT", to, json={**WHY, "mode": None}).status_code == 403
    assert door.send("PUT", to, role="approver", json={**WHY, "mode": None}).json()["kill_switch"] is False


def test_what_serves_is_rolled_back_and_released_by_an_approver(door, house):
    for what in ("rollback", "release"):
        assert door.send("POST", f"/v1/responses/serving/{MODEL}/{what}", json=WHY).status_code == 403
    assert door.send("POST", f"/v1/responses/serving/{MODEL}/rollback", role="approver", json=WHY).status_code == 409
    door.send("POST", f"/v1/responses/{plan_of(door)}/reject", json=WHY)
    house.promote("1", at=1)
    house.promote("2", at=2)
    found = door.send("POST", f"/v1/responses/serving/{MODEL}/rollback", role="approver", json=WHY).json()["serving"]
    assert [(one["model_version"], one["revision"]) for one in found] == [("1", 1)]
    assert door.get("/v1/responses/serving").json()["serving"] == found
    assert (
        door.send("POST", f"/v1/responses/serving/{MODEL}/release", role="approver", json=WHY).json()["serving"][0]["revision"]
        == 2
    )


def test_calls_are_listed(door):
    assert [one["kind"] for one in door.get("/v1/responses/calls").json()["calls"]] == ["response_approval_wanted"]
