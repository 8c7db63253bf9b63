"""The alerting process without Kafka, where Alertmanager stood: amtool and what posts alerts talk to it."""

import json
import shutil
import signal
import subprocess

import httpx
import pytest

from tests.integration.alerting_harness import Receiver, wait_for
from tests.integration.alertmanagers import Driftline

pytestmark = pytest.mark.integration

TREE = """
route: {receiver: team, group_by: [alertname], group_wait: WAIT, group_interval: 1s, repeat_interval: 1h}
receivers: [{name: team, webhook_configs: [{url: "URL"}]}]
"""


class Alone(Driftline):
    """The process, and amtool to talk to it."""

    def amtool(self, *words: str) -> str:
        command = ["amtool", f"--alertmanager.url={self.url}", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def receiver():
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def alone(tmp_path, receiver, request):
    tree = TREE.replace("WAIT", getattr(request, "param", "1s")).replace("URL", receiver.url)
    with Alone(tmp_path, tree) as alone:
        yield alone


@pytest.mark.skipif(shutil.which("amtool") is None, reason="amtool is not installed (Debian: prometheus-alertmanager)")
def test_amtool_talks_to_it(alone, receiver) -> None:
    alone.amtool("alert", "add", "alertname=disk", "severity=critical", "node=a", "--annotation=summary=Disk full")
    (found,) = json.loads(alone.amtool("alert", "query", "-o", "json"))
    assert (found["labels"], found["annotations"]) == (
        {"alertname": "disk", "severity": "critical", "node": "a"},
        {"summary": "Disk full"},
    )
    assert (found["receivers"], found["status"]["state"]) == ([{"name": "team"}], "active")
    wait_for(lambda: bool(receiver.hooks))
    assert receiver.hooks[0].body["alert_data"]["title"] == "Disk full"
    silence = alone.amtool("silence", "add", "alertname=disk", "-d", "1h", "-c", "cleaning", "-a", "me").strip()
    (kept,) = json.loads(alone.amtool("silence", "query", "-o", "json"))
    assert (kept["id"], kept["createdBy"], kept["comment"], kept["status"]["state"]) == (silence, "me", "cleaning", "active")
    assert json.loads(alone.amtool("alert", "query", "-o", "json")) == []
    (quiet,) = json.loads(alone.amtool("alert", "query", "-s", "-o", "json"))
    assert quiet["status"]["silencedBy"] == [silence]
    alone.amtool("silence", "update", silence, "-d", "2h")
    (updated,) = json.loads(alone.amtool("silence", "query", "-o", "json"))
    alone.amtool("silence", "expire", updated["id"])
    assert json.loads(alone.amtool("silence", "query", "-o", "json")) == []
    assert "driftline" in alone.amtool("cluster", "show") or alone.amtool("config", "show")
    assert alone.amtool("check-config", str(alone.config))


@pytest.mark.parametrize("alone", ["4s"], indirect=True)
def test_an_alert_that_was_accepted_is_told_although_the_process_was_killed_before_its_time(alone, receiver) -> None:
    alone.post({"labels": {"alertname": "a"}})
    alone.kill()
    alone.start()
    wait_for(lambda: bool(receiver.hooks), seconds=15)
    assert len({hook.id for hook in receiver.hooks}) == 1


def test_the_end_is_told_although_it_was_silenced_and_the_process_was_killed(alone, receiver) -> None:
    alone.post({"labels": {"alertname": "a"}})
    wait_for(lambda: bool(receiver.hooks))
    silence = {"matchers": [{"name": "alertname", "value": "a", "isRegex": False}], "createdBy": "me", "comment": "c"}
    times = {"startsAt": "2020-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z"}
    assert httpx.post(f"{alone.url}/api/v2/silences", json={**silence, **times}).status_code == 200
    alone.kill()
    alone.start()
    alone.post({"labels": {"alertname": "a"}, "endsAt": "2020-01-02T00:00:00Z", "startsAt": "2020-01-01T00:00:00Z"})
    wait_for(lambda: len(receiver.hooks) == 2)
    assert receiver.hooks[1].body["status"] == "resolved"


def test_a_hang_up_reads_the_configuration_again_and_a_bad_one_changes_nothing(alone, receiver) -> None:
    good = alone.config.read_text()
    alone.config.write_text(good.replace("receiver: team", "receiver: nobody"))
    answer = httpx.post(f"{alone.url}/-/reload")
    assert answer.status_code == 422
    assert "am.yml:2: route.receiver: 'nobody' is no receiver" in answer.json()["detail"]
    assert alone.get("/api/v2/receivers") == [{"name": "team"}]
    alone.config.write_text(good.replace("team", "crew"))
    alone.process.send_signal(signal.SIGHUP)
    wait_for(lambda: alone.get("/api/v2/receivers") == [{"name": "crew"}])
    alone.post({"labels": {"alertname": "a"}})
    wait_for(lambda: bool(receiver.hooks))
    assert receiver.hooks[0].body["receiver"] == "crew"
