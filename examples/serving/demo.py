"""A bad rollout, and the automated response to it: `make demo-response`, less than a minute.

Version 1 of a model serves well. Version 2 replaces it and is worse. Once outcomes show that, the response has the last good
version served again, through the adapter of this folder: the traffic moves back, and the plan is judged by the windows that follow.
"""

import json
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from driftline import codec, topics
from driftline.cli.baseline import publish_baseline
from driftline.clock import SystemClock
from driftline.drift.baseline import fit_baseline
from driftline.errors import DriftlineError, Unavailable
from driftline.events import ColumnKind, Decision, MonitorState, ResponseStep, WindowReport
from driftline.kafka.confluent import ConfluentCluster
from driftline.kafka.ports import TopicPartition
from driftline.sdk import Client
from examples.serving.adapter import Adapter
from examples.serving.router import Router
from services.supervisor import SERVICES, Supervisor

MODEL, ENDPOINT = "shop.fraud", "fraud-api"
GOOD, BAD = "1", "2"
STATE = Path(".driftline/serving-demo")
DAY_US, HOUR_US = 86_400_000_000, 3_600_000_000
FIRST_HOUR, LAST_HOUR = 6, 22
"""Requests come by day: the night is for the day before to be decided."""
REQUESTS = 400
BEFORE, MOST_DAYS = 3, 12
RIGHT = {GOOD: 0.95, BAD: 0.6}
"""How often each version is right."""
PATIENCE_SECONDS = 60.0

POLICY = f"""\
version: "1"
models:
  {MODEL}:
    mode: auto
    endpoint: {ENDPOINT}
    remediation_actions: {{performance_degradation: [rollback_model]}}
"""
MONITOR = f"""\
model: {MODEL}
task: binary
positive_class: fraud
granularities: [1 day]
minimum_n: 100
lateness: 1 minute
label_delay: 1 hour
weights: {{feature: 0.1, prediction: 0.05, label: 0.0, performance: 0.85}}   # outcomes are what counts here
thresholds:
  feature: {{psi: 0.25}}
  performance: {{accuracy: 0.8, f1: null, auc: null, precision: null, recall: null}}
baseline: """


@dataclass
class Scene:
    """What the demo watches while it plays."""

    console: Console
    cluster: ConfluentCluster
    router: Router
    routers: dict[str, Router] = field(default_factory=dict)
    """Those that obey commands."""
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    risks: dict[tuple[str, int], float] = field(default_factory=dict)
    """Of every window that was decided with its outcomes, by version and start."""
    steps: list[ResponseStep] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.adapter = Adapter(self.cluster, self.routers, SystemClock())
        self._consumer = self.cluster.consumer()
        watched = [
            TopicPartition(topics.name(topic), partition)
            for topic in ("windows", "responses")
            for partition in range(topics.catalogue()[topic].partitions)
        ]
        self._consumer.assign(dict.fromkeys(watched, 0))

    def roll_out(self) -> None:
        """The bad version takes all traffic; the good one stays loaded. The endpoint obeys commands from now on."""
        self.router = Router(MODEL, ENDPOINT, {BAD: 1.0})
        self.router.load(GOOD)
        self.routers[MODEL] = self.router

    def close(self) -> None:
        """Let go of Kafka."""
        self._consumer.close()
        self.adapter.close()

    def look(self) -> None:
        """Read what Driftline says, and obey its commands."""
        for message in self._consumer.consume(100, 0.1):
            event = codec.decode(message.value() or b"")
            if isinstance(event, WindowReport) and event.decision is Decision.PERFORMANCE and not event.slice:
                self.risks[event.model_version, event.start] = event.risk_score or 0.0
            elif isinstance(event, ResponseStep):
                self.steps.append(event)
                self.console.print(f"          [cyan]{event.step}[/cyan] {event.state}: {event.reason}")
        if self.adapter.step(0.0):
            said = self.router.observed(0)
            self.console.print(f"          [bold]the endpoint obeys revision {said.revision}: {dict(said.traffic)}[/bold]")

    def wait(self, ready: Callable[[], bool], what: str) -> None:
        """Look until something is so. Raises Unavailable."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not ready():
            if time.monotonic() > deadline:
                raise Unavailable(f"waited {PATIENCE_SECONDS:.0f} s for {what}; the logs are in {STATE / 'logs'}")
            self.look()

    @property
    def state(self) -> str:
        """State of the last plan; empty while there is none."""
        return self.steps[-1].state if self.steps else ""

    def play(self, client: Client, day: int, start: int) -> Counter[str]:
        """Let a day of requests be answered by whatever version the router says, and their outcomes come in."""
        answered: Counter[str] = Counter()
        step = (LAST_HOUR - FIRST_HOUR) * HOUR_US // REQUESTS
        for number in range(REQUESTS):
            request, at = f"{day}-{number}", start + FIRST_HOUR * HOUR_US + number * step
            version = self.router.version_for(request)
            answered[version] += 1
            amount, truth = self.chance.lognormvariate(3, 1), self.chance.random() < 0.5
            said = truth if self.chance.random() < RIGHT[version] else not truth
            client.predict(MODEL, version, request, {"amount": amount}, prediction=_word(fraud=said), event_time=at)
            client.label(MODEL, request, _word(fraud=truth), label_time=at + HOUR_US // 4)
        client.flush()
        client.advance(MODEL, start + DAY_US + (FIRST_HOUR - 1) * HOUR_US)  # past the label delay: the day is decided
        client.flush()
        self.wait(lambda: all((version, start) in self.risks for version in answered), "the day to be decided")
        return answered


def main() -> int:
    """Exit code 0 when the traffic was moved back and that helped, 2 when something did not come up or did not come."""
    console, started = Console(), time.monotonic()
    shutil.rmtree(STATE, ignore_errors=True)
    STATE.mkdir(parents=True)
    policy = STATE / "response.yml"
    policy.write_text(POLICY, encoding="utf-8")
    settings = {"DRIFTLINE_ALERTING_RESPONSE_POLICY": str(policy.absolute())}
    services = {name: SERVICES[name] for name in ("governance", "drift", "alerting")}
    try:
        with (
            console.status("starting Kafka and three services") as status,
            Supervisor(STATE, settings, status.update, fixed_ports=False, services=services) as up,
        ):
            cluster = ConfluentCluster.at(up.bootstrap)
            announce(cluster, up)
            status.stop()
            moved = show(console, cluster, up)
    except DriftlineError as error:
        console.print(f"[red]{error}[/red]")
        return 2
    except KeyboardInterrupt:
        console.print("\nstopped; nothing is left running")
        return 130
    console.print(f"{moved}; {time.monotonic() - started:.0f} s in all")
    return 0


def announce(cluster: ConfluentCluster, up: Supervisor) -> None:
    """Publish a baseline, register the model and its good version, apply the monitor and wait until it is active."""
    rows = random.Random(1)
    truth = [rows.random() < 0.5 for _ in range(2_000)]
    columns: dict[str, list[Any]] = {
        "amount": [rows.lognormvariate(3, 1) for _ in truth],
        ":prediction": [_word(fraud=one if rows.random() < RIGHT[GOOD] else not one) for one in truth],
    }
    kinds = {"amount": ColumnKind.NUMERIC, ":prediction": ColumnKind.CATEGORICAL}
    baseline = fit_baseline(MODEL, columns, kinds)
    publish_baseline(cluster, baseline)
    with _governance(up) as governance:
        _call(governance, "PUT", f"models/{MODEL}", {"description": "Orders that are fraud", "owner": "demo"})
        _call(governance, "PUT", f"monitors/{MODEL}", MONITOR + baseline.baseline_id)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (current := _call(governance, "GET", f"monitors/{MODEL}")["current"])["status"] != MonitorState.ACTIVE:
            if time.monotonic() > deadline:
                raise Unavailable(f"the monitor is {current['status']}: {current['reason'] or 'nobody has taken it up yet'}")
            time.sleep(0.2)
    promote(up, GOOD)


def promote(up: Supervisor, version: str) -> None:
    """Register a version and move it to production."""
    with _governance(up) as governance:
        _call(governance, "PUT", f"models/{MODEL}/versions/{version}", {})
        for stage in ("STAGING", "PRODUCTION"):
            step = {"to": stage, "reason": "the demo wants it"}
            _call(governance, "POST", f"models/{MODEL}/versions/{version}/stage", step)


def show(console: Console, cluster: ConfluentCluster, up: Supervisor) -> str:
    """Play the days; returns what came of it."""
    first = SystemClock().now_us() // DAY_US * DAY_US - MOST_DAYS * DAY_US
    scene = Scene(console, cluster, Router(MODEL, ENDPOINT, {GOOD: 1.0}))
    try:
        with Client.connect(up.bootstrap, on_error=console.print) as client:
            for day in range(MOST_DAYS):
                if day == BEFORE:
                    console.print(
                        f"          [bold]rollout: version {BAD} takes all traffic, version {GOOD} stays loaded[/bold]"
                    )
                    promote(up, BAD)
                    scene.roll_out()
                answered = scene.play(client, day, first + day * DAY_US)
                _tell(scene, day, first + day * DAY_US, answered)
                if day == BEFORE + 1:
                    scene.wait(lambda: scene.router.revision > 0, "the response to the bad version")
                if scene.state == "effective":
                    return f"version {GOOD} serves again, and that helped"
    finally:
        scene.close()
    raise Unavailable(f"the plan is {scene.state or 'missing'} at the end")


def _tell(scene: Scene, day: int, start: int, answered: Counter[str]) -> None:
    for version, count in answered.items():
        risk = scene.risks[version, start]
        bar = "█" * round(risk / 5)
        style = "red" if risk >= 80 else "green"
        scene.console.print(
            f"day {day + 1:>2}    version {version} answered {count}, risk {risk:5.1f} [{style}]{bar}[/{style}]"
        )


def _word(*, fraud: bool) -> str:
    return "fraud" if fraud else "fine"


def _governance(up: Supervisor) -> httpx.Client:
    authorization = {"authorization": f"Bearer {up.token}"}
    return httpx.Client(base_url=f"{up.urls['governance']}/v1/", headers=authorization, timeout=30)


def _call(governance: httpx.Client, method: str, path: str, body: Any = None) -> Any:
    content = body if isinstance(body, str) or body is None else json.dumps(body)
    answer = governance.request(method, path, content=content, headers={"content-type": "application/json"})
    if answer.is_error:
        raise Unavailable(f"governance answered {answer.status_code} to {method} {path}: {answer.text[:300]}")
    return answer.json()


if __name__ == "__main__":
    sys.exit(main())
