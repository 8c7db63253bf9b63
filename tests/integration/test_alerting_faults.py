"""What Alertmanager loses or tells twice (0.25 to 0.34, each of these) and our router alone, as a process, does not."""

import time
from pathlib import Path

import pytest

from tests.integration.alerting_harness import wait_for
from tests.integration.alertmanagers import Driftline, Sink, moment

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

CONFIG = """
route:
  receiver: usual
  group_by: [alertname]
  group_wait: 0s
  group_interval: 2s
  repeat_interval: 1h
  routes:
    - {matchers: [alertname=waits], group_wait: 4s, receiver: usual}
    - {matchers: [alertname=limited], group_interval: 5m, receiver: limited}
    - {matchers: [alertname=brief], group_interval: 5s, receiver: brief}
    - {matchers: [alertname=slow], receiver: slow}
inhibit_rules: [{source_matchers: [alertname=cause], target_matchers: [alertname=effect], equal: []}]
receivers: [RECEIVERS]
"""
RECEIVERS = ("usual", "limited", "brief", "slow")


def config(sink: Sink) -> str:
    hooks = ", ".join(f'{{name: {name}, webhook_configs: [{{url: "{sink.url}/{name}"}}]}}' for name in RECEIVERS)
    return CONFIG.replace("RECEIVERS", hooks)


@pytest.fixture(scope="module")
def sink():
    with Sink() as sink:
        yield sink


@pytest.fixture(scope="module")
def router(sink, tmp_path_factory):
    with Driftline(tmp_path_factory.mktemp("router"), config(sink)) as router:
        yield router


def fire(name: str) -> dict[str, object]:
    return {"labels": {"alertname": name}, "endsAt": moment(600)}


def end(name: str) -> dict[str, object]:
    return {"labels": {"alertname": name}, "endsAt": moment()}


def statuses(sink: Sink, name: str) -> list[str]:
    """What was told of an alert, in order."""
    return [one.body["status"] for one in sink.told if one.body["alerts"][0]["labels"]["alertname"] == name]


def told(sink: Sink, name: str, *expected: str, within: float = 15.0) -> None:
    wait_for(lambda: statuses(sink, name) == list(expected), within, f"{name} to be told {expected}")


@pytest.mark.parametrize("how", ["kill", "terminate"])
def test_a_process_that_goes_away_loses_nothing_and_tells_nothing_again(tmp_path: Path, how: str) -> None:
    with Sink() as sink, Driftline(tmp_path, config(sink)) as router:
        router.post(fire("stays"), fire("ends"))
        told(sink, "stays", "firing")
        told(sink, "ends", "firing")
        wait_for(lambda: router.get("/v1/notifications?state=pending")["notifications"] == [], 5, "both to be recorded")
        router.post(fire("waits"))  # inside of group_wait, and nobody posts it again
        getattr(router, how)()
        assert statuses(sink, "waits") == []
        router.start()
        router.post(fire("stays"), end("ends"))
        told(sink, "waits", "firing")
        told(sink, "ends", "firing", "resolved")
        assert statuses(sink, "stays") == ["firing"]


def test_an_end_under_a_silence_is_told(router, sink) -> None:
    router.post(fire("silenced"))
    told(sink, "silenced", "firing")
    silence = router.silence(alertname="silenced")
    router.post(end("silenced"))
    told(sink, "silenced", "firing", "resolved")
    router.unsilence(silence)


def test_an_end_under_inhibition_is_told(router, sink) -> None:
    router.post(fire("effect"))
    told(sink, "effect", "firing")
    router.post(fire("cause"))
    told(sink, "cause", "firing")
    router.post(end("effect"))
    told(sink, "effect", "firing", "resolved")


def test_who_asks_to_wait_two_seconds_is_told_within_three(router, sink) -> None:
    sink.answers["/limited"] = [(429, 0.0, "Retry-After: 2\r\n")]
    began = time.monotonic()
    router.post(fire("limited"))
    told(sink, "limited", "firing")
    (one,) = sink.of("/limited")
    assert 2.0 <= one.at - began <= 3.0


def test_what_is_over_before_it_could_be_sent_is_told_to_its_end(router, sink) -> None:
    sink.answers["/brief"] = [(429, 0.0, "Retry-After: 1\r\n")]
    router.post(fire("brief"))
    wait_for(lambda: not sink.answers["/brief"], what="the first try")
    router.post(end("brief"))
    told(sink, "brief", "firing", "resolved")


def test_reading_the_configuration_again_does_not_send_again_what_is_under_way(router, sink) -> None:
    sink.answers["/slow"] = [(200, 3.0, "")]
    router.post(fire("slow"))
    wait_for(lambda: sink.under_way == 1, what="the webhook to be under way")
    router.reload()
    router.reload()
    told(sink, "slow", "firing")
    time.sleep(2.5)  # a tick later
    assert statuses(sink, "slow") == ["firing"]
    assert sink.under_way == 0
