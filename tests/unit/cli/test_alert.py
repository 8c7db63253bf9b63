"""`driftline alert` against an alerting service of canned answers."""

import json

import httpx
import pytest

from driftline.cli.service import ALERTING

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
    "labels": {"model_id": "flights.delay", "kind": "feature"},
    "runbook_url": "http://c/mlops/drift-runbook",
    "dashboard_url": "http://c/model-monitoring-delay",
    "details": "temp moved",
    "receivers": ["audit", "team"],
    "notifications": [
        {
            "decided_at": "2026-01-01T10:00:00.000000Z",
            "channel": "webhook",
            "channel_name": "team/webhook/0",
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
def run(ask):
    return lambda status, body, *words: ask(status, body, "alert", *words)


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
    assert "  receivers  audit, team\n" in out
    assert out.splitlines()[-1].split()[2:] == ["team/webhook/0", "firing", "first", "sent", "1"]


def test_an_alert_that_others_posted_is_known_by_its_labels(run):
    posted = {
        **FIRING,
        "labels": {"instance": "b:1", "alertname": "DiskFull"},
        "model_name": "",
        "risk_score": None,
        "runbook_url": "",
    }
    _, out, _, _ = run(200, {"alerts": [posted]}, "list")
    assert out.splitlines()[1].endswith('delay 1  alertname="DiskFull", instance="b:1"')
    long = {**posted, "labels": {"alertname": "x" * 500}}
    assert len(run(200, {"alerts": [long]}, "list")[1].splitlines()[1]) < 300
    _, out, _, _ = run(200, posted, "show", "x")
    assert '  labels     alertname="DiskFull", instance="b:1"\n' in out
    assert "  runbook    none\n" in out
    assert "risk" not in out
    assert "model " not in out


def test_show_of_an_ended_alert_is_fine(run):
    code, out, _, _ = run(200, RESOLVED, "show", "x")
    assert code == 0
    assert "until 2013-05-01 00:00:00" in out


def test_an_unknown_alert_is_said_in_the_services_words(run):
    code, _, err, _ = run(404, {"detail": "there is no alert 'x'"}, "show", "x")
    assert (code, err) == (2, "driftline: there is no alert 'x'\n")


def test_without_a_token_it_says_how_to_get_one_where_one_is_asked_for(monkeypatch, run):
    monkeypatch.delenv("DRIFTLINE_TOKEN", raising=False)
    code, _, err, _ = run(401, {"detail": "no token"}, "list")
    assert code == 2
    assert "driftline token create" in err


def test_a_token_is_sent_where_one_is_set(monkeypatch):
    monkeypatch.setenv("DRIFTLINE_TOKEN", "abc")
    with ALERTING.connect() as client:
        assert client.headers["Authorization"] == "Bearer abc"
    monkeypatch.delenv("DRIFTLINE_TOKEN")
    with ALERTING.connect() as client:
        assert "Authorization" not in client.headers


def test_a_service_that_is_away_is_said(answering, command):
    def away(request):
        raise httpx.ConnectError("refused")

    answering(away)
    code, _, err = command("alert", "list")
    assert code == 2
    assert "does not answer" in err


GOOD = """
route:
  receiver: mail
  group_by: [model_id]
  routes:
    - matchers: [priority="critical"]
      receiver: pager
      continue: true
      mute_time_intervals: [night]
    - matchers: [team=~"a|b"]
      receiver: chat
      group_by: ['...']
receivers: [{name: mail}, {name: pager}, {name: chat}]
time_intervals: [{name: night}]
"""


@pytest.fixture
def configuration(tmp_path, command):
    """Runs the command with a configuration written to a file; the word FILE stands for it."""

    def run(text, *words):
        path = tmp_path / "alerts.yml"
        path.write_text(text, encoding="utf-8")
        code, out, err = command("alert", *(path if word == "FILE" else word for word in words))
        return code, out.replace(str(path), "FILE"), err.replace(str(path), "FILE")

    return run


def test_a_good_configuration_is_counted_apart_from_the_rule_that_holds_by_default(configuration):
    code, out, _ = configuration(GOOD, "check-config", "FILE")
    assert (code, out) == (0, "FILE: 3 routes, 3 receivers, 0 inhibit rules, 1 time interval, and 1 built-in inhibit rule\n")


def test_every_fault_of_a_configuration_is_said_with_its_line(configuration):
    broken = GOOD.replace("receiver: chat", "receiver: fax").replace("team=~", "team=~~").replace("[night]", "[noon]")
    code, out, _ = configuration(broken, "check-config", "FILE")
    assert code == 1
    assert [line.split(" ", 2)[:2] for line in out.splitlines()] == [
        ["FILE:9:", "route.routes[0].mute_time_intervals[0]:"],
        ["FILE:10:", "route.routes[1].matchers[0]:"],
        ["FILE:11:", "route.routes[1].receiver:"],
    ]
    code, out, _ = configuration(broken, "check-config", "--json", "FILE")
    assert (code, [fault["line"] for fault in json.loads(out)[0]["faults"]]) == (1, [9, 10, 11])


def test_a_url_that_apprise_itself_does_not_take_is_named_with_its_line(configuration):
    receiver = "receivers: [{name: a, apprise_configs: [{url: json://h.example.com}, {url: discord://hush}]}]"
    code, out, err = configuration(f"route: {{receiver: a}}\n{receiver}\n", "check-config", "FILE")
    assert code == 1
    assert out.startswith("FILE:2: receivers[0].apprise_configs[1].url: is no URL that Apprise understands")
    assert "hush" not in out + err


def test_a_file_that_cannot_be_read_does_not_hide_what_is_wrong_with_the_others(configuration):
    broken = GOOD.replace("receiver: chat", "receiver: fax")
    code, out, err = configuration(broken, "check-config", "FILE.none", "FILE")
    assert code == 2
    assert out.startswith("FILE:11: route.routes[1].receiver:")
    assert err == "driftline: cannot read FILE.none: No such file or directory\n"
    reports = json.loads(configuration(broken, "check-config", "--json", "FILE.none", "FILE")[1])
    assert ["unreadable" in report for report in reports] == [True, False]


def test_a_warning_is_said_and_no_fault(configuration):
    code, out, _ = configuration(GOOD.replace('"a|b"', ""), "check-config", "FILE")
    assert code == 0
    assert out.startswith("warning: FILE:10: route.routes[1].matchers[0]:")


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        (["priority=critical", 'team="a"'], ["pager", "chat"]),
        (["priority=low", "team=ab"], ["mail"]),
        ([], ["mail"]),
    ],
)
def test_routes_test_names_the_receivers(configuration, labels, receivers):
    code, out, _ = configuration(GOOD, "routes", "test", "--config", "FILE", "--json", *labels)
    assert (code, json.loads(out)["receivers"]) == (0, receivers)
    code, out, _ = configuration(GOOD, "routes", "test", "--config", "FILE", *labels)
    assert [line.split()[0] for line in out.splitlines()[1:]] == receivers


def test_routes_test_verifies_receivers(configuration):
    words = ("routes", "test", "--config", "FILE", "priority=critical", "--verify-receivers")
    assert configuration(GOOD, *words, "pager")[0] == 0
    code, _, err = configuration(GOOD, *words, "mail")
    assert (code, err) == (1, "driftline: expected mail, found pager\n")


@pytest.mark.parametrize("label", ["priority", "priority!=low", "a=b,c=d"])
def test_what_is_no_label_is_refused(configuration, label):
    code, _, err = configuration(GOOD, "routes", "test", "--config", "FILE", label)
    assert code == 2
    assert f"{label!r} is no label" in err


def test_routes_show_prints_the_tree(configuration):
    code, out, _ = configuration(GOOD, "routes", "show", "--config", "FILE")
    assert code == 0
    assert out.splitlines() == [
        "everything -> mail  by model_id  30s/5m/4h",
        '  {priority="critical"} -> pager  by model_id  30s/5m/4h  continue  muted in night',
        '  {team=~"a|b"} -> chat  by ...  30s/5m/4h',
    ]
    view = json.loads(configuration(GOOD, "routes", "show", "--config", "FILE", "--json")[1])
    assert [child["group_by"] for child in view["routes"]] == [["model_id"], ["..."]]


def test_a_file_that_cannot_be_read_or_used_ends_with_2(configuration):
    assert configuration(GOOD, "check-config", "FILE.none")[0] == 2
    code, _, err = configuration("[]", "routes", "show", "--config", "FILE")
    assert code == 2
    assert "FILE:1: file: must be a mapping" in err


SILENCE = {
    "silence_id": "0a-1",
    "state": "active",
    "matchers": ['model_id="flights.delay"', 'kind="feature"'],
    "starts_at": "2026-01-01T10:00:00.000000Z",
    "ends_at": "2026-01-01T12:00:00.000000Z",
    "created_by": "ann",
    "comment": "retraining",
}


def test_a_silence_is_added(run):
    code, out, _, (request,) = run(
        201, SILENCE, "silences", "add", "model_id=flights.delay", "kind=feature", "--for", "2h", "--comment", "retraining"
    )
    assert (code, out) == (0, "0a-1 holds until 2026-01-01 12:00:00\n")
    assert (request.method, request.url.path) == ("POST", "/v1/silences")
    assert json.loads(request.content) == {
        "matchers": ["model_id=flights.delay", "kind=feature"],
        "duration": "2h",
        "comment": "retraining",
    }


def test_silences_are_listed(run):
    code, out, _, _ = run(200, {"silences": [SILENCE]}, "silences", "list")
    assert code == 1
    assert out.splitlines()[1].split() == [
        *("0a-1", "active", "2026-01-01", "12:00:00", "ann"),
        *('model_id="flights.delay",kind="feature"', "retraining"),
    ]
    assert run(200, {"silences": [{**SILENCE, "state": "expired"}]}, "silences", "list", "--json")[0] == 0


def test_a_silence_is_ended(run):
    code, out, _, (request,) = run(200, SILENCE, "silences", "end", "0a-1")
    assert (code, out) == (0, "0a-1 is over since 2026-01-01 12:00:00\n")
    assert (request.method, request.url.path) == ("DELETE", "/v1/silences/0a-1")


TAKEN = {**FIRING, "acknowledged": {"by": "me", "at": "x", "until": "2026-01-02T10:00:00.000000Z", "comment": ""}}


def test_somebody_takes_care_and_lets_go(run):
    code, out, _, (request,) = run(200, TAKEN, "acknowledge", "00ff", "--for", "4h", "--comment", "mine")
    assert (code, request.method, request.url.path) == (0, "POST", "/v1/alerts/00ff/acknowledge")
    assert json.loads(request.content) == {"duration": "4h", "comment": "mine"}
    assert out == "00ff is yours until 2026-01-02 10:00:00\n"
    code, out, _, (request,) = run(200, FIRING, "unacknowledge", "00ff")
    assert (code, request.method, out) == (0, "DELETE", "00ff is told again\n")
    assert run(200, RESOLVED, "unacknowledge", "00ff")[1] == "00ff is over; nobody has to take care of it\n"


def test_show_says_who_takes_care(run):
    assert "  taken by   me until 2026-01-02 10:00:00\n" in run(200, TAKEN, "show", "00ff")[1]
    care = {"by": "ada", "at": "x", "until": None, "comment": "restarting"}
    assert "  taken by   ada until it ends: restarting\n" in run(200, {**TAKEN, "acknowledged": care}, "show", "00ff")[1]
    assert "taken by" not in run(200, FIRING, "show", "00ff")[1]


def test_alerts_and_notifications_are_explained_in_sentences(run):
    _, out, _, (request,) = run(200, {"explanation": ["It fires.", "  slack: told."]}, "explain", "00ff")
    assert (out, request.url.path) == ("It fires.\n  slack: told.\n", "/v1/alerts/00ff/explain")
    _, out, _, (request,) = run(200, {"explanation": "Not sent because."}, "explain", "msg_1")
    assert (out, request.url.path) == ("Not sent because.\n", "/v1/notifications/msg_1/explain")


def test_the_history_of_an_alert_is_a_table(run):
    line = {"at": "2026-01-02T10:00:00.000000Z", "happening": "fired", "by": "", "detail": "high: Drift"}
    _, out, _, (request,) = run(200, {"history": [line]}, "history", "00ff")
    assert request.url.path == "/v1/alerts/00ff/history"
    assert out.splitlines()[1].split() == ["2026-01-02", "10:00:00", "fired", "high:", "Drift"]


def test_a_reload_says_what_holds_or_why_the_old_one_stays(run):
    code, out, _, (request,) = run(200, {"receivers": ["a"], "channels": ["slack"], "warnings": ["w"]}, "reload")
    assert (code, request.url.path) == (0, "/-/reload")
    assert out == "1 receiver; channels with an address: slack\nwarning: w\n"
    code, _, err, _ = run(422, {"detail": "alerts.yml:3: route: is wrong"}, "reload")
    assert code == 2
    assert "alerts.yml:3" in err
