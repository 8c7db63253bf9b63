"""`driftline alert` against an alerting service of canned answers."""

import json

import httpx
import pytest

from driftline import cli
from driftline.cli.service import Service

FIRING = {
    "fingerprint": "00ff00ff00ff00ff",
    "status": "firing",
    "priority": "high",
    "severity_level": "HIGH",
    "risk_score": 75.5,
    "startsAt": "2013-04-01T00:00:00.000000Z",
    "endsAt": None,
    "title": "Feature drift detected: delay 1",
    "emoji": "!",
    "model_name": "flights.delay",
    "runbook_url": "http://c/mlops/drift-runbook",
    "dashboard_url": "http://c/model-monitoring-delay",
    "details": "temp moved",
    "notifications": [
        {
            "decided_at": "2026-01-01T10:00:00.000000Z",
            "channel": "webhook",
            "status": "firing",
            "reason": "first",
            "state": "sent",
            "attempts": 1,
            "error": None,
        }
    ],
}
RESOLVED = {**FIRING, "status": "resolved", "endsAt": "2013-05-01T00:00:00.000000Z", "risk_score": None}


@pytest.fixture
def run(monkeypatch, capsys):
    def run(status, body, *words):
        requests = []

        def service(request):
            requests.append(request)
            return httpx.Response(status, json=body)

        monkeypatch.setattr(
            Service, "connect", lambda _: httpx.Client(base_url="http://a", transport=httpx.MockTransport(service))
        )
        with pytest.raises(SystemExit) as ended:
            cli.main(["alert", *words])
        printed = capsys.readouterr()
        return ended.value.code, printed.out, printed.err, requests

    return run


def test_list_finds_what_fires(run):
    code, out, _, (request,) = run(
        200, {"alerts": [FIRING, RESOLVED]}, "list", "--status", "firing", "--model", "flights.delay"
    )
    assert code == 1
    assert dict(request.url.params) == {"status": "firing", "model_id": "flights.delay", "limit": "100"}
    assert out.splitlines()[1].split() == [
        "00ff00ff00ff00ff",
        "firing",
        "high",
        "75.5",
        "2013-04-01",
        "00:00:00",
        *str(FIRING["title"]).split(),
    ]


def test_list_without_anything_firing_is_fine(run):
    assert run(200, {"alerts": [RESOLVED]}, "list")[0] == 0
    code, out, _, _ = run(200, {"alerts": []}, "list", "--json")
    assert (code, json.loads(out)) == (0, [])


def test_show_tells_what_to_do_and_what_was_sent(run):
    code, out, _, (request,) = run(200, FIRING, "show", "00ff00ff00ff00ff")
    assert (code, request.url.path) == (1, "/v1/alerts/00ff00ff00ff00ff")
    assert "http://c/mlops/drift-runbook" in out
    assert "risk 75.5/100" in out
    assert out.splitlines()[-1].split()[2:] == ["webhook", "firing", "first", "sent", "1"]


def test_show_of_an_ended_alert_is_fine(run):
    code, out, _, _ = run(200, RESOLVED, "show", "x")
    assert code == 0
    assert "until 2013-05-01 00:00:00" in out


def test_an_unknown_alert_is_said_in_the_services_words(run):
    code, _, err, _ = run(404, {"detail": "there is no alert 'x'"}, "show", "x")
    assert (code, err) == (2, "driftline: there is no alert 'x'\n")


def test_without_a_token_it_says_how_to_get_one(monkeypatch, capsys):
    monkeypatch.delenv("DRIFTLINE_TOKEN", raising=False)
    with pytest.raises(SystemExit) as ended:
        cli.main(["alert", "list"])
    assert ended.value.code == 2
    assert "driftline token create" in capsys.readouterr().err


def test_a_service_that_is_away_is_said(monkeypatch, capsys):
    def away(request):
        raise httpx.ConnectError("refused")

    monkeypatch.setattr(Service, "connect", lambda _: httpx.Client(base_url="http://a", transport=httpx.MockTransport(away)))
    with pytest.raises(SystemExit) as ended:
        cli.main(["alert", "list"])
    assert ended.value.code == 2
    assert "does not answer" in capsys.readouterr().err
