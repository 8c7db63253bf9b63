"""Whatever happens in whatever order: who was told that something fires is told that it ended, and nobody is told twice."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from driftline.alerting.alert import Acknowledgement
from driftline.alerting.delivery import Delivered, Refused, TryAgain
from driftline.alerting.life import Happening
from services.alerting.adapters.plan import Plan
from services.alerting.jobs.timekeeper import Timekeeper
from services.alerting.store import acknowledgements, alerts, groups, history, outbox
from tests.unit.alerting.builders import DAY, SECOND, cleared, detected
from tests.unit.services.alerting.bench_of_parts import FakeChannel, Parts, by_priority

OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("detect"), st.integers(0, 2), st.sampled_from(["LOW", "MEDIUM", "CRITICAL"])),
        st.tuples(st.just("clear"), st.integers(0, 2)),
        st.tuples(st.just("time"), st.sampled_from([1, 30, 300, 3600])),
        st.tuples(st.just("deliver"), st.sampled_from(["ok", "ok", "retry", "refuse"])),
        st.tuples(st.just("restart")),
        st.tuples(st.just("acknowledge"), st.integers(0, 2), st.sampled_from([None, 300, 3600])),
        st.tuples(st.just("unacknowledge"), st.integers(0, 2)),
        st.tuples(st.just("reload"), st.sampled_from([("model_id",), ("model_id", "model_version"), ()])),
        st.tuples(st.just("repeat")),
    ),
    max_size=40,
)
ANSWERS = {"ok": Delivered(200), "retry": TryAgain("answered 503", 503), "refuse": Refused("answered 400", 400)}


class Story:
    """Drives the parts, and believes what a receiver would believe."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts = Parts(folder, by_priority(), configured=frozenset({"webhook"}))
        self.parts.channel.shows_care = True
        self.believed: dict[str, set[str]] = {}
        self.delivered: dict[str, bytes] = {}
        self.history: list[object] = []
        self.group_by: tuple[str, ...] = ("model_id",)
        self.parts.intake.open_all()
        self.episodes = dict.fromkeys(range(3), 0)
        self.sequences = dict.fromkeys(range(3), 0)

    def run(self, operation):
        getattr(self, operation[0])(*operation[1:])

    def _take(self, event):
        self.history.append(event)
        self.parts.take(event)

    def _episode(self, model):
        return {
            "model_id": "m",
            "model_version": str(model),
            "episode_id": f"{model}.{self.episodes[model]}",
            "since": (10 + self.episodes[model]) * DAY,
        }

    def detect(self, model, severity):
        self.sequences[model] += 1
        self._take(detected(**self._episode(model), sequence=self.sequences[model], severity=severity))

    def clear(self, model):
        if self.sequences[model]:
            self._take(cleared(**self._episode(model), sequence=self.sequences[model] + 1))
            self.episodes[model] += 1
            self.sequences[model] = 0

    def time(self, seconds):
        self.parts.clock.advance(seconds * SECOND)
        self._keep_time()
        self.parts.pass_time(0)

    def _keep_time(self):
        Timekeeper(self.parts.database, self.parts.in_force, self.parts.clock, on_changed=lambda: None).run_once(lambda: None)

    def _alert(self, tx, model):
        return next((alert for alert in alerts.firing(tx) if alert.model_version == str(model)), None)

    def acknowledge(self, model, seconds):
        now = self.parts.clock.now_us()
        with self.parts.database.write() as tx:
            if (alert := self._alert(tx, model)) is not None:
                until = None if seconds is None else now + seconds * SECOND
                acknowledgements.set_for(tx, alert.alert_id, Acknowledgement(by="me", at=now, until=until))

    def unacknowledge(self, model):
        with self.parts.database.write() as tx:
            if (alert := self._alert(tx, model)) is not None:
                acknowledgements.take_back(tx, alert.alert_id, by="me", detail="", now=self.parts.clock.now_us())

    def reload(self, group_by):
        """Other groups for the same receivers; it stays so over restarts."""
        self.group_by = group_by
        self._put_in_force()
        self.parts.intake.place_again()

    def _put_in_force(self):
        routing = by_priority()
        routes = tuple(replace(route, group_by=self.group_by) for route in routing.root.routes)
        changed = replace(routing, root=replace(routing.root, group_by=self.group_by, routes=routes))
        self.parts.in_force.plan = Plan(changed, self.parts.in_force.plan.channels)

    def deliver(self, answer):
        self.parts.channel = FakeChannel(lambda message: self._receive(message, answer))
        self.parts.deliver()

    def _receive(self, message, answer):
        if answer == "ok":
            body = json.loads(message.body)
            known = self.delivered.setdefault(message.notification_id, message.body)
            assert known == message.body, "one id, two messages"
            self.believed[body["groupKey"]] = {item["fingerprint"] for item in body["alerts"] if item["status"] == "firing"}
        return ANSWERS[answer]

    def restart(self):
        offset = self.parts.offset
        self.parts.database.close()
        self.parts = Parts(self.folder, by_priority(), configured=frozenset({"webhook"}), clock=self.parts.clock)
        self.parts.offset = offset
        self.parts.channel.shows_care = True
        self._put_in_force()
        self.parts.intake.place_again()
        with self.parts.database.write() as tx:
            outbox.release_claims(tx, self.parts.clock.now_us())

    def repeat(self):
        """Faust reads everything again."""
        self.parts.take(*self.history)

    def settle(self):
        for seconds in (300, 300, 300, 3900, 86_400, 300):  # what flaps is told after an hour, a digest after a day
            self.parts.pass_time(seconds)
            self.deliver("ok")


def assert_a_life(lines):
    """It fires before it ends, ends once each time, and nobody takes care of what is over."""
    fires = False
    for line in lines:
        match line.happening:
            case Happening.FIRED | Happening.REOPENED:
                fires = True
            case Happening.RESOLVED:
                assert fires
                fires = False
            case _:
                assert fires
    assert not fires


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # each example writes files: shrinking would take minutes
)
@example([("detect", 2, "LOW"), ("time", 30), ("detect", 2, "CRITICAL")])  # it leaves while its first message is on its way
@given(OPERATIONS)
def test_what_a_receiver_believes_comes_true(operations) -> None:
    with tempfile.TemporaryDirectory() as folder:
        story = Story(Path(folder))
        for operation in operations:
            story.run(operation)
        story.settle()
        with story.parts.database.read() as tx:
            firing = {alert.alert_id for alert in alerts.firing(tx)}
        assert set().union(*story.believed.values()) == firing
        for model in range(3):
            story.clear(model)
        story.settle()
        assert set().union(*story.believed.values()) == set()
        with story.parts.database.read() as tx:
            assert groups.page(tx, limit=9, offset=0) == []
            for alert, _ in alerts.page(tx, filters={}, limit=9, offset=0):
                assert alert.acknowledged is None
                assert_a_life(history.of(tx, alert.alert_id, limit=1000)[::-1])
        story.parts.database.close()
