"""The same YAML, the same alerts, the same receivers: Alertmanager and our router alone tell the same, at the same ticks.

Every scenario has a route and receivers of its own, so that all of them run at once in one process of each. What is compared of a
notification: when it came, to whom, its status, the labels of its group, and each alert with its status and annotations.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.integration.alertmanagers import ALERTMANAGER, MISSING, Alertmanager, Driftline, Router, Sink, Told, moment

pytestmark = [pytest.mark.integration, pytest.mark.skipif(not ALERTMANAGER, reason=MISSING), pytest.mark.timeout(120)]

LATE = 0.9
"""Seconds by which the two may differ: less than a tick, more than two cores under load need."""

END = 10.5
"""Seconds from the beginning to the last look at what came."""

HEAD = """
global: {resolve_timeout: 5m}
route:
  receiver: nobody
  group_by: [team]
  group_wait: 300ms
  group_interval: 2s
  repeat_interval: 1h
  routes:
"""
TAIL = """
inhibit_rules:
  - {source_matchers: [role="cause"], target_matchers: [role="effect"], equal: [cluster]}
time_intervals:
  - {name: always, time_intervals: [{times: [{start_time: "00:00", end_time: "24:00"}]}]}
  - {name: never, time_intervals: [{years: ["1999"]}]}
"""

Action = Callable[[Router], object]


@dataclass(frozen=True)
class Scenario:
    """Fields of a route, receivers by route, and what happens when."""

    routes: tuple[str, ...]
    steps: tuple[tuple[float, Action], ...]
    expected: int
    """Notifications, so that two that say nothing are not taken for equal."""
    receiver: str = ""
    """Fields of the webhook."""
    late: float = LATE


def fire(name: str, **labels: str) -> Action:
    """Post an alert that fires."""
    return lambda router: router.post({**alert(name, labels), "endsAt": moment(600)})


def end(name: str, **labels: str) -> Action:
    """Post its end, with all that was said before, as Prometheus does."""
    return lambda router: router.post({**alert(name, labels), "endsAt": moment()})


def alert(name: str, labels: dict[str, str]) -> dict[str, object]:
    said = {"annotations": {"summary": f"{name} fires", **labels}, "generatorURL": "http://prometheus.example.org/graph"}
    return {"labels": {"alertname": name, **labels}, **said}


class Silence:
    """Made in one step and ended in another, in each router."""

    def __init__(self, **labels: str) -> None:
        self.labels = labels
        self.made: dict[str, str] = {}

    def begin(self, router: Router) -> None:
        self.made[router.name] = router.silence(**self.labels)

    def end(self, router: Router) -> None:
        router.unsilence(self.made[router.name])


def new_route(router: Router) -> None:
    """Read a configuration again in which alerts of one more kind have a route."""
    text = router.config.read_text()
    router.config.write_text(text.replace("# reload: ", ""))
    router.reload()


QUIET = Silence(scenario="silence", alertname="a")

SCENARIOS = {
    "grouping": Scenario(
        routes=("",),
        steps=(
            (0.0, fire("a", team="x", instance="1")),
            (0.0, fire("a", team="x", instance="2")),
            (0.1, fire("a", team="y")),
            (3.3, fire("b", team="x")),
        ),
        expected=3,
    ),
    "every alert for itself": Scenario(
        routes=("group_by: ['...']",), steps=((0.0, fire("a", instance="1")), (0.0, fire("a", instance="2"))), expected=2
    ),
    "all in one": Scenario(
        routes=("group_by: [nothing]",), steps=((0.0, fire("a", team="x")), (0.0, fire("b", team="y"))), expected=1
    ),
    "no wait": Scenario(routes=("group_wait: 0s",), steps=((0.0, fire("a")),), expected=1),
    "repeat": Scenario(routes=("group_interval: 1500ms, repeat_interval: 3800ms",), steps=((0.0, fire("a")),), expected=3),
    "resolve": Scenario(
        routes=("",),
        steps=((0.0, fire("a", team="x")), (0.0, fire("b", team="x")), (1.0, end("a", team="x")), (5.0, end("b", team="x"))),
        expected=3,
    ),
    "resolve before the wait is over": Scenario(
        routes=("group_wait: 2s",), steps=((0.0, fire("a")), (0.5, end("a"))), expected=0
    ),
    "ends are not wanted": Scenario(
        routes=("",), receiver="send_resolved: false", steps=((0.0, fire("a")), (1.0, end("a"))), expected=1
    ),
    "inhibition": Scenario(
        routes=("group_by: [alertname]",),
        steps=(
            (0.0, fire("why", role="cause", cluster="1")),
            (0.5, fire("what", role="effect", cluster="1")),
            (0.5, fire("other", role="effect", cluster="2")),
            (3.5, end("why", role="cause", cluster="1")),
        ),
        expected=4,
    ),
    "silence": Scenario(
        routes=("group_by: [alertname]",),
        steps=((0.0, QUIET.begin), (0.2, fire("a")), (0.2, fire("b")), (3.5, QUIET.end)),
        expected=2,
    ),
    "muted and active": Scenario(
        routes=(
            "matchers: [alertname=muted], mute_time_intervals: [always]",
            "matchers: [alertname=inactive], active_time_intervals: [never]",
            "matchers: [alertname=active], active_time_intervals: [always], mute_time_intervals: [never]",
        ),
        steps=((0.0, fire("muted")), (0.0, fire("inactive")), (0.0, fire("active"))),
        expected=1,
    ),
    "continue": Scenario(
        routes=("continue: true", "matchers: ['alertname=~\"a|b\"']"), steps=((0.0, fire("a")), (0.0, fire("c"))), expected=2
    ),
    "reload": Scenario(
        routes=("matchers: [alertname=old]", "matchers: [alertname=new]"),
        steps=((0.0, fire("old")), (2.9, new_route), (4.0, fire("new")), (4.0, end("old"))),
        expected=3,
        late=2 + LATE,  # Alertmanager counts its ticks anew after a reload
    ),
}
ONLY_AFTER_RELOAD = "reload-1"


def configuration(url: str) -> str:
    """One YAML with all scenarios."""
    routes, receivers = [], [{"name": "nobody"}]
    lines = [HEAD.rstrip()]
    for number, (name, scenario) in enumerate(SCENARIOS.items()):
        for index, fields in enumerate(scenario.routes):
            receiver = f"{number}-{index}"
            own, _, rest = fields.partition("matchers: [")
            matchers = f'matchers: [scenario="{name}", {rest}' if rest else f'matchers: [scenario="{name}"]'
            others = f", {own.rstrip(', ')}" if own.rstrip(", ") else ""
            prefix = "# reload: " if f"{name}-{index}" == ONLY_AFTER_RELOAD else ""
            lines.append(f"{prefix}    - {{receiver: {receiver}, {matchers}{others}}}")
            routes.append(receiver)
            more = f", {scenario.receiver}" if scenario.receiver else ""
            receivers.append({"name": receiver, "webhook_configs": f'[{{url: "{url}/{receiver}"{more}}}]'})
    lines.append(TAIL.rstrip())
    lines.append("receivers:")
    for one in receivers:
        hooks = f", webhook_configs: {one['webhook_configs']}" if "webhook_configs" in one else ""
        lines.append(f"  - {{name: {one['name']}{hooks}}}")
    return "\n".join(lines) + "\n"


def play(routers: tuple[Router, ...], began: float) -> None:
    """Do every step of every scenario at its time, to one router after the other."""
    steps = sorted(
        ((at, name, action) for name, scenario in SCENARIOS.items() for at, action in scenario.steps), key=lambda step: step[0]
    )
    for at, name, action in steps:
        time.sleep(max(0.0, began + at - time.monotonic()))
        doing = [threading.Thread(target=action, args=(Labelled(router, name),)) for router in routers]
        for one in doing:
            one.start()
        for one in doing:
            one.join()
    time.sleep(max(0.0, began + END - time.monotonic()))


class Labelled:
    """A router whose alerts carry the scenario's name."""

    def __init__(self, router: Router, scenario: str) -> None:
        self._router, self._scenario = router, scenario

    def __getattr__(self, name: str) -> object:
        return getattr(self._router, name)

    def post(self, alert: dict[str, object]) -> None:
        labels = alert["labels"]
        assert isinstance(labels, dict)
        self._router.post({**alert, "labels": {**labels, "scenario": self._scenario}})


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> dict[str, dict[str, list[Told]]]:
    """What each router told, by scenario, in the order of its coming; times from the beginning."""
    folder = tmp_path_factory.mktemp("side-by-side")
    with Sink() as ours, Sink() as theirs:
        routers = (
            Driftline(folder / "ours", configuration(ours.url)),
            Alertmanager(folder / "theirs", configuration(theirs.url)),
        )
        with routers[0], routers[1]:
            began = time.monotonic() + 0.3
            play(routers, began)
    names = {
        f"/{number}-{index}": name
        for number, (name, scenario) in enumerate(SCENARIOS.items())
        for index in range(len(scenario.routes))
    }
    found: dict[str, dict[str, list[Told]]] = {}
    for router, sink in zip(routers, (ours, theirs), strict=True):
        for one in sorted(sink.told, key=lambda one: one.at):
            one.at -= began
            found.setdefault(names[one.path], {}).setdefault(router.name, []).append(one)
    return found


def content(one: Told) -> tuple[object, ...]:
    """What a notification says."""
    body = one.body
    alerts = sorted(
        (sorted(one["labels"].items()), one["status"], sorted(one["annotations"].items()), one["generatorURL"])
        for one in body["alerts"]
    )
    return body["receiver"], body["status"], sorted(body["groupLabels"].items()), alerts


def by_tick(told: list[Told]) -> list[tuple[float, tuple[object, ...]]]:
    """Notifications in the order of their coming; those of one moment in the order of what they say."""
    rows = [(one.at, content(one)) for one in told]
    return sorted(rows, key=lambda row: (round(row[0]), str(row[1])))


@pytest.mark.parametrize("name", SCENARIOS)
def test_both_tell_the_same_at_the_same_time(name, told) -> None:
    ours, theirs = (told.get(name, {}).get(router, []) for router in (Driftline.name, Alertmanager.name))
    shown = "\n".join(f"{who} {at:5.2f} {say}" for who, some in (("we", ours), ("AM", theirs)) for at, say in by_tick(some))
    assert sorted(map(str, map(content, ours))) == sorted(map(str, map(content, theirs))), shown
    assert len(ours) == SCENARIOS[name].expected, shown
    times = [sorted((str(content(one)), one.at) for one in some) for some in (ours, theirs)]
    for (_, here), (_, there) in zip(*times, strict=True):
        assert abs(here - there) < SCENARIOS[name].late, shown
