"""The response on a database in a folder, with a clock to move, an adapter that obeys and people who decide."""

from pathlib import Path
from typing import Any

from driftline import codec, topics
from driftline.alerting.delivery import Delivered, Outcome
from driftline.alerting.response.policy import ModelPolicy, ResponsePolicy
from driftline.clock import ManualClock
from driftline.events import (
    HealthCleared,
    HealthOpened,
    ResponseStep,
    ServingCommand,
    ServingObserved,
    Stage,
    StageChanged,
    WindowReport,
)
from driftline.kafka.ports import TopicDescription
from services.alerting.adapters.channels.port import Outgoing
from services.alerting.jobs.response.effect_sender import EffectSender
from services.alerting.jobs.response.people import People
from services.alerting.jobs.response.reader import SOURCES, ResponseReader
from services.alerting.jobs.response.responder import Responder
from services.alerting.store import outbox
from services.alerting.store.database import Database
from tests.unit.alerting.response.builders import DAY, MODEL, policy, report


class Record:
    """A record as the port gives it."""

    def __init__(self, topic: str, event: Any, key: str, offset: int) -> None:
        self._topic, self._value, self._key, self._offset = topics.name(topic), codec.encode(event), key.encode(), offset

    def topic(self) -> str:
        return self._topic

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset

    def key(self) -> bytes:
        return self._key

    def value(self) -> bytes:
        return self._value


class Way:
    """Remembers what it was sent, and answers as told."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []
        self.answer: Outcome = Delivered(200)

    def send(self, message: Outgoing) -> Outcome:
        self.sent.append(message)
        return self.answer

    def close(self) -> None:
        pass


class House:
    """One life after the other of a service, over one database."""

    def __init__(self, folder: Path, rules: ResponsePolicy | None = None) -> None:
        self.folder = folder
        self.rules = rules or policy()
        self.clock = ManualClock(1_000 * DAY)
        self.way = Way()
        self.told: list[Any] = []
        self.offset = 0
        self.day = 10
        self._open()

    def _open(self) -> None:
        self.database = Database(f"sqlite:///{self.folder / 'alerting.db'}")
        self.responder = Responder(self.database, lambda: self.rules, self.clock, lambda: None)
        self.people = People(self.database, lambda: self.rules, self.clock, lambda: None)
        self.sender = EffectSender(self.database, {"webhook": self.way, "mlflow": self.way}, self.clock, lambda: None)
        sources = {name: TopicDescription(name, name, 1, {}) for name in map(topics.name, SOURCES)}
        unused: Any = None
        self.reader = ResponseReader(
            self.database,
            admin=unused,
            consumer=unused,
            sources=sources,
            clock=self.clock,
            health=unused,
            on_read=lambda: None,
        )

    def restart(self) -> None:
        """Another process on the same database."""
        self.database.close()
        self._open()

    def close(self) -> None:
        self.database.close()

    def read(self, topic: str, event: Any, key: str = "k//k") -> None:
        """A record arrives."""
        self.offset += 1
        record: Any = Record(topic, event, key, self.offset)
        self.reader.handle([record])

    def window(
        self, risk: float = 45.0, *, version: str = "2", day: int | None = None, model: str = MODEL, **changes: Any
    ) -> None:
        """A day is decided."""
        if day is None:
            day, self.day = self.day, self.day + 1
        made: WindowReport = report(
            model_id=model, model_version=version, risk_score=risk, start=day * DAY, end=(day + 1) * DAY, **changes
        )
        self.read("windows", made)

    def promote(self, version: str, stage: Stage = Stage.PRODUCTION, *, model: str = MODEL, at: int = 1) -> None:
        """Governance moves a version."""
        changed = StageChanged(
            model_id=model, model_version=version, from_stage=Stage.STAGING, to_stage=stage, reason="r", actor="a", at=at
        )
        self.read("governance", changed)

    def obey(self, model: str = MODEL) -> None:
        """The adapter puts the last command into effect and says so."""
        last = [one for one in self.commands() if one.model_id == model][-1]
        self.read(
            "serving-status",
            ServingObserved(
                model_id=model,
                endpoint=last.endpoint,
                revision=last.revision,
                paused=last.paused,
                traffic=last.traffic,
                adapter="test",
                at=1,
            ),
        )

    def work(self, seconds: float = 0.0) -> None:
        """Time passes, everybody does what is due, Kafka takes what is told."""
        self.clock.advance(int(seconds * 1_000_000))
        self.responder.run_once(lambda: None)
        self.sender.run_once(lambda: None)
        self.responder.run_once(lambda: None)
        self.publish()

    def publish(self) -> None:
        with self.database.write() as tx:
            events = outbox.pending_events(tx, 10_000)
            self.told += [codec.decode(event.value) for event in events]
            outbox.remove_events(tx, [event.seq for event in events])

    def commands(self) -> list[ServingCommand]:
        return [one for one in self.told if isinstance(one, ServingCommand)]

    def steps(self) -> list[ResponseStep]:
        return [one for one in self.told if isinstance(one, ResponseStep)]

    def called(self) -> list[str]:
        """Kinds of alerts by which people are called now."""
        open_: list[str] = []
        for one in self.told:
            if isinstance(one, HealthOpened):
                open_.append(one.kind)
            elif isinstance(one, HealthCleared):
                open_.remove(one.kind)
        return open_

    def states(self) -> list[str]:
        """States in the order of the steps that led to them, each once in a row."""
        found: list[str] = []
        for step in self.steps():
            if not found or found[-1] != step.state:
                found.append(step.state)
        return found


def shadow() -> ResponsePolicy:
    return ResponsePolicy(models={MODEL: ModelPolicy(endpoint="flights-delay")})
