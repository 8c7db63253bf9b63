"""`driftline compliance` against a governance service of canned answers."""

import json

import pytest

FINDING = {"subject": "has_tags", "holds": False, "value": None, "limit": None, "detail": "0 tags"}
VIEW = {
    "model_id": "shop.churn",
    "compliance_level": "PARTIALLY_COMPLIANT",
    "compliance_score": 0.5,
    "total_checks": 2,
    "compliant_checks": 1,
    "attested_checks": 1,
    "report_timestamp": "2026-01-01T00:00:00.000000Z",
    "recommendations": ["Add relevant tags"],
    "detailed_results": {
        "model_documentation": {"status": "non_compliant", "details": {"has_tags": FINDING}},
    },
}
GOOD = VIEW | {"compliance_score": 0.8}
EMPTY = VIEW | {"compliance_score": 0.0, "total_checks": 0}


@pytest.fixture
def run(ask):
    return lambda status, body, *words: ask(status, body, "compliance", *words)


def test_require_sends_the_file_or_nothing_for_the_defaults(run, tmp_path):
    file = tmp_path / "requirements.yaml"
    file.write_text("data_lineage: {}\n")
    code, _, _, (request,) = run(201, GOOD, "require", "shop.churn", "-f", file)
    assert (code, request.method, request.url.path) == (0, "PUT", "/v1/compliance/shop.churn/requirements")
    assert request.content == b"data_lineage: {}\n"
    assert run(201, GOOD, "require", "shop.churn")[3][0].content == b""


def test_a_low_score_ends_with_one_and_says_what_to_do(run):
    code, out, _, (request,) = run(201, VIEW, "check", "shop.churn")
    assert (code, request.method, request.url.path) == (1, "POST", "/v1/compliance/shop.churn/checks")
    assert out.splitlines() == [
        "shop.churn: 0.50 partially compliant (1 of 2 controls hold, 1 attested) at 2026-01-01T00:00:00.000000Z",
        "  model_documentation: non compliant",
        "    no  has_tags  0 tags",
        "  - Add relevant tags",
    ]


@pytest.mark.parametrize(("views", "code"), [([GOOD], 0), ([GOOD, VIEW], 1), ([EMPTY], 0), ([], 0)])
def test_list_ends_with_one_where_any_score_is_low(run, views, code):
    assert run(200, views, "list")[0] == code


def test_json_is_what_the_service_said(run):
    assert json.loads(run(200, VIEW, "show", "shop.churn", "--json")[1]) == VIEW


def test_attest_sends_what_is_vouched_for(run):
    words = ("attest", "m", "explainability", "--statement", "s", "--document", "d", "--value", "0.97", "--days", "30")
    _, _, _, (request,) = run(201, GOOD, *words)
    assert json.loads(request.content) == {
        "requirement": "explainability",
        "statement": "s",
        "document": "d",
        "value": 0.97,
        "days": 30,
    }


def test_release_requires_nothing_any_more(run):
    code, out, _, (request,) = run(201, EMPTY, "release", "m")
    assert (code, request.method, out) == (0, "DELETE", "nothing is required of m any more\n")
