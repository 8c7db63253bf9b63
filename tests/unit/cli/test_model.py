"""`driftline model` against a governance service of canned answers."""

import json

import pytest

STEP = {"from": "DEVELOPMENT", "to": "STAGING", "reason": "tests pass", "actor": "ann", "at": "2026-01-01T00:00:00Z"}
VERSION = {"model_version": "1", "stage": "STAGING", "description": "", "history": [STEP]}
VIEW = {"model_id": "shop.churn", "description": "d", "owner": "", "versions": [VERSION]}


@pytest.fixture
def run(ask):
    return lambda status, body, *words: ask(status, body, "model", *words)


def test_register_sends_description_owner_and_tags(run):
    code, out, _, (request,) = run(201, VIEW, "register", "shop.churn", "--owner", "ann", "--tag", "tier=1")
    assert (code, request.method, request.url.path) == (0, "PUT", "/v1/models/shop.churn")
    assert json.loads(request.content) == {"description": "", "owner": "ann", "tags": {"tier": "1"}}
    assert out == "shop.churn registered\n"


def test_version_sends_the_digest(run):
    _, _, _, (request,) = run(201, VIEW, "version", "shop.churn", "1", "--digest", "ab")
    assert request.url.path == "/v1/models/shop.churn/versions/1"
    assert json.loads(request.content)["artifact_digest"] == "ab"


def test_stage_takes_any_case_and_wants_a_reason(run):
    _, out, _, (request,) = run(201, VIEW, "stage", "shop.churn", "1", "staging", "--reason", "tests pass")
    assert json.loads(request.content) == {"to": "STAGING", "reason": "tests pass", "expected": None}
    assert "is in STAGING" in out
    assert run(201, VIEW, "stage", "shop.churn", "1", "staging")[0] == 2


def test_a_step_that_is_refused_ends_with_one_and_the_reason(run):
    code, _, err, _ = run(409, {"detail": "apply a monitor first"}, "stage", "m", "1", "production", "--reason", "go")
    assert (code, "apply a monitor first" in err) == (1, True)


def test_list_and_show_are_for_people_unless_json_is_asked_for(run):
    assert run(200, [VIEW], "list")[1] == "shop.churn: 1 STAGING\n"
    assert "DEVELOPMENT -> STAGING  ann: tests pass" in run(200, VIEW, "show", "shop.churn")[1]
    assert json.loads(run(200, VIEW, "show", "shop.churn", "--json")[1]) == VIEW


def test_a_tag_without_a_value_is_refused(run):
    assert run(201, VIEW, "register", "m", "--tag", "tier")[0] == 2
