"""`driftline monitor` against a governance service of canned answers."""

import json

import httpx
import pytest

from driftline.cli import monitor
from driftline.cli import service as cli_service

LEAST = "model: shop/churn\nbaseline: b1\npositive_class: late\n"


def view(status="ACTIVE", version=1):
    return {
        "model_id": "shop/churn",
        "monitor_version": version,
        "status": status,
        "reason": "",
        "effective_from": "since ever",
        "watermark": None,
        "monitor": {"minimum_n": 200},
    }


class Service:
    """Answers in order, the last one for ever, and remembers what it was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []

    def __call__(self, request):
        self.requests.append(request)
        status, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return httpx.Response(status, json=body)


@pytest.fixture
def run(monkeypatch, answering, command):
    monkeypatch.setattr(monitor, "POLL_SECONDS", 0.0)

    def run(service, *words):
        answering(service)
        return command("monitor", *words)

    return run


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "monitor.yaml"
    path.write_text(LEAST)
    return str(path)


def test_apply_sends_the_file_as_it_is_to_the_model_that_it_names(run, file):
    service = Service((201, view()))
    code, out, _ = run(service, "apply", "-f", file, "--expected-version", "0")
    (request,) = service.requests
    assert (code, request.method, request.url.raw_path) == (0, "PUT", b"/v1/monitors/shop%2Fchurn?expected_version=0")
    assert request.content.decode() == LEAST
    assert "version 1 applied" in out


def test_apply_of_the_same_says_unchanged(run, file):
    assert "unchanged" in run(Service((200, view())), "apply", "-f", file)[1]


def test_a_dry_run_tells_what_would_be(run, file):
    metrics = [{"name": "loss", "requires_label": True}, {"name": "revenue", "requires_label": False}]
    service = Service((200, view(version=2) | {"outcome": "changed", "dry_run": True, "business": {"metrics": metrics}}))
    code, out, _ = run(service, "apply", "-f", file, "--dry-run")
    assert (code, service.requests[0].url.query) == (0, b"dry_run=true")
    assert out.splitlines() == [
        "shop/churn version 2 would be changed; nothing was written",
        "  loss: of rows with a label in time",
        "  revenue: of all rows",
    ]


def test_a_conflict_ends_with_one_and_the_reason(run, file):
    code, _, err = run(Service((409, {"detail": "version 2 is in force"})), "apply", "-f", file)
    assert (code, "version 2 is in force" in err) == (1, True)


def test_a_wrong_definition_ends_with_two_and_every_fault(run, file):
    faults = [{"line": 4, "field": "latenes", "detail": "did you mean 'lateness'?"}]
    code, _, err = run(Service((422, {"detail": "the definition has one fault", "errors": faults})), "apply", "-f", file)
    assert code == 2
    assert "line 4: latenes: did you mean 'lateness'?" in err


def test_a_file_without_a_model_is_not_sent(run, tmp_path):
    path = tmp_path / "monitor.yaml"
    path.write_text("baseline: b1\n")
    service = Service((201, view()))
    code, _, err = run(service, "apply", "-f", str(path))
    assert (code, service.requests, "model:" in err) == (2, [], True)


def test_a_missing_file_ends_with_two(run):
    assert run(Service((201, view())), "apply", "-f", "/nowhere/at/all.yaml")[0] == 2


def test_json_is_what_the_service_said(run, file):
    assert json.loads(run(Service((201, view())), "apply", "-f", file, "--json")[1]) == view()


@pytest.mark.parametrize(("status", "code"), [("ACTIVE", 0), ("PAUSED", 0), ("PENDING", 1), ("REJECTED", 1), ("FAILED", 1)])
def test_status_is_fine_only_when_the_monitor_works(run, status, code):
    assert run(Service((200, {"current": view(status)})), "status", "shop/churn")[0] == code


def test_wait_ends_when_the_evaluator_has_spoken(run):
    service = Service((200, {"current": view("PENDING")}), (200, {"current": view("PENDING")}), (200, {"current": view()}))
    assert run(service, "wait", "shop/churn")[0] == 0
    assert len(service.requests) == 3


def test_wait_gives_up_on_rejection_and_at_its_timeout(run):
    assert run(Service((200, {"current": view("REJECTED")})), "wait", "shop/churn")[0] == 1
    assert run(Service((200, {"current": view("PENDING")})), "wait", "shop/churn", "--timeout", "0")[0] == 1


def test_list_finds_broken_monitors(run):
    assert run(Service((200, [view()])), "list")[0] == 0
    assert run(Service((200, [view(), view("FAILED")])), "list")[0] == 1


def test_list_shows_one_namespace(run):
    views = [view() | {"model_id": name} for name in ("prod.ml.churn", "prod.ml.fraud", "test.ml.churn")]
    code, out, _ = run(Service((200, views)), "list", "--namespace", "prod.ml")
    assert (code, [line.split()[1] for line in out.splitlines()]) == (0, ["prod.ml.churn", "prod.ml.fraud"])


def test_show_prints_every_version_and_the_latest_in_full(run):
    _, out, _ = run(Service((200, {"current": view(version=2), "versions": [view(), view(version=2)]})), "show", "m")
    assert out.splitlines() == [
        "version 1: ACTIVE, effective from since ever",
        "version 2: ACTIVE, effective from since ever",
        "minimum_n: 200",
    ]


def test_without_a_token_the_command_says_how_to_get_one(monkeypatch, run):
    monkeypatch.delenv("DRIFTLINE_TOKEN", raising=False)
    code, _, err = run(Service((401, {"detail": "no token"})), "list")
    assert (code, "driftline token create" in err) == (2, True)


def test_a_service_that_is_not_there_is_unavailable(run):
    def nobody(_request):
        raise httpx.ConnectError("refused")

    code, _, err = run(nobody, "list")
    assert (code, "does not answer" in err) == (2, True)


def test_an_answer_that_is_no_json_is_told_as_such():
    client = httpx.Client(base_url="http://g", transport=httpx.MockTransport(lambda _: httpx.Response(200, text="<html>")))
    with pytest.raises(cli_service.Refused, match="DRIFTLINE_GOVERNANCE_URL"):
        cli_service.GOVERNANCE.call(client, "GET", "/v1/monitors")
