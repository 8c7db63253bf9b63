"""Workers and the broker are killed while they work; every window still counts every event once.

`DRIFTLINE_CHAOS_KILLS` and `DRIFTLINE_CHAOS_SEED` make it longer or different.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import confluent_kafka as ck
import numpy as np
import pytest

from driftline.broker.embedded import EmbeddedBroker
from driftline.codec import decode, encode
from driftline.drift.profile import Layout, Profile
from driftline.events import DeadLetter, Part, ProfileSet, Progress, WindowReport
from driftline.kafka.confluent import ConfluentCluster
from driftline.kafka.errors import KafkaFailure
from driftline.kafka.ports import NewTopic
from driftline.topics import catalogue
from driftline.topics import name as topic_name
from services.drift.settings import Stage
from tests.chaos.traffic import BASELINE, DAY, HOUR, LABELS, MONITOR, PREDICTIONS, Expected, Traffic

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
HOLD_SECONDS = 0.02
RATE = 2300
LAYOUT = Layout.of(MONITOR, BASELINE)


@dataclass
class Worker:
    """What is known of one drift process."""

    name: str
    pid: int = 0
    alive: bool = False
    committed: int = 0
    frozen: bool = False
    """It holds a transaction of stage 1 open, everything written and nothing committed."""


class Nursery:
    """Drift processes, started again whenever they have ended: what a supervisor does."""

    def __init__(self, folder: Path, environment: dict[str, str], arguments: tuple[str, ...]) -> None:
        command = [sys.executable, "-m", "tests.chaos.worker", *arguments]
        self._folder = folder
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self._heard = threading.Condition()
        self._ready = False
        self.workers = [Worker(name) for name in "ab"]
        threading.Thread(target=self._listen, daemon=True).start()
        assert self.wait_until(lambda: self._ready, 120), "the nursery does not start"

    def start(self, worker: Worker) -> None:
        worker.pid, worker.alive, worker.committed, worker.frozen = 0, True, 0, False
        assert self._process.stdin is not None
        self._process.stdin.write(f"{worker.name} {self._folder}\n")
        self._process.stdin.flush()
        assert self.wait_until(lambda: worker.pid > 0, 20), "no process was forked"

    def revive(self) -> None:
        for worker in self.workers:
            if not worker.alive:
                self.start(worker)

    def freeze(self, worker: Worker) -> bool:
        """Let it stop inside its next transaction of stage 1; returns whether it did."""
        flag = self._folder / worker.name / "freeze"
        flag.touch()
        frozen = self.wait_until(lambda: worker.frozen or not worker.alive, 20)
        flag.unlink()
        return frozen and worker.frozen

    def kill(self, worker: Worker) -> bool:
        """SIGKILL; returns whether it was frozen inside a transaction."""
        with self._heard:
            inside = worker.frozen
            if worker.alive:
                os.kill(worker.pid, signal.SIGKILL)
        assert self.wait_until(lambda: not worker.alive, 20), "SIGKILL did not end it"
        return inside

    def wait_until(self, holds: Callable[[], bool], seconds: float) -> bool:
        with self._heard:
            return self._heard.wait_for(holds, seconds)

    def stop(self) -> None:
        for worker in self.workers:
            self.kill(worker)
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)

    def last_words(self) -> str:
        logs = (self._folder / f"{worker.name}.log" for worker in self.workers)
        return "\n".join(log.read_text()[-1500:] for log in logs if log.exists())

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._heard:
                if line == "ready\n":
                    self._ready = True
                else:
                    self._hear(*line.split())
                self._heard.notify_all()

    def _hear(self, word: str, name: str, pid: str, stage: str) -> None:
        for worker in self.workers:
            if word == "born" and worker.name == name:
                worker.pid = int(pid)
            if worker.name == name and not worker.pid:
                worker.pid = int(pid)  # it may speak before its birth is announced
            if worker.pid != int(pid):
                continue
            if word == "gone":
                worker.alive = False
            elif word == "frozen":
                worker.frozen = True
            elif word == "done":
                worker.committed += stage == "profile"


@dataclass
class Tally:
    """What was done to the system."""

    kills: int = 0
    inside: int = 0
    broker_kills: int = 0


class Playground:
    """A broker, two workers, and traffic."""

    def __init__(self, broker: EmbeddedBroker, folder: Path, *, split: bool, seed: int) -> None:
        self.broker = broker
        self.random = random.Random(seed)
        self.tally = Tally()
        broker.start()
        self.cluster = ConfluentCluster.at(broker.bootstrap)
        declared = catalogue().values()
        self.cluster.admin().create([NewTopic(each.name, each.partitions, each.config) for each in declared])
        producer = self.cluster.producer()
        producer.produce(topic_name("baselines"), encode(BASELINE), key=BASELINE.baseline_id.encode())
        producer.flush(10)
        producer.produce(topic_name("monitors"), encode(MONITOR), key=b"flights/1")
        producer.flush(10)
        self.traffic = Traffic(producer, rate=RATE, seed=seed)
        environment = os.environ | {"DRIFTLINE_KAFKA_BOOTSTRAP": broker.bootstrap, "DRIFTLINE_LOG_LEVEL": "warning"}
        self.nursery = Nursery(folder, environment, ("--hold", str(HOLD_SECONDS), *(("--split",) if split else ())))

    def torment(self, *, kills: int, broker_kills: int, inside_only: bool = False) -> None:
        """Kill workers, every second one inside a transaction, and the broker in between; then let it be."""
        self.traffic.start()
        broker_at = {(i + 1) * kills // (broker_kills + 1) for i in range(broker_kills)}
        while self.tally.kills < kills:
            if inside_only or self.tally.kills % 2:
                victim = self._working(patience=60)
                self.nursery.freeze(victim)
            else:
                victim = self._working(patience=2)
                time.sleep(self.random.uniform(0, 0.7))
            self.tally.inside += self.nursery.kill(victim)
            self.tally.kills += 1
            if self.tally.kills in broker_at:
                self._kill_broker()
        self.traffic.finish()

    def _working(self, patience: float) -> Worker:
        """A worker that has committed something since it began; any one if that takes long."""
        order = self.random.sample(self.nursery.workers, 2)
        give_up = time.monotonic() + patience
        while time.monotonic() < give_up:
            self.nursery.revive()
            if self.nursery.wait_until(lambda: any(worker.committed for worker in order), 0.2):
                break
        return max(order, key=lambda worker: worker.committed > 0)

    def _kill_broker(self) -> None:
        self.broker.kill()
        time.sleep(self.random.uniform(0.1, 1))
        self.broker.start()
        self.tally.broker_kills += 1

    def settle(self, holds: Callable[[], bool], seconds: float) -> bool:
        """Keep the workers alive until it holds."""
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            self.nursery.revive()
            if holds():
                return True
            time.sleep(2)
        return False

    def caught_up(self) -> bool:
        """Whether both groups of stage 1 have committed everything that was sent."""
        admin = self.cluster.admin()
        reader = self.cluster.consumer()
        try:
            for stage in (Stage.PROFILE, Stage.JOIN):
                done = admin.group_offsets(stage.group)
                places = [p for p in done if p.topic in {PREDICTIONS, LABELS}]
                wanted = 8 if stage is Stage.PROFILE else 16
                if len(places) < wanted or any(done[p] < end for p, end in reader.ends(places).items()):
                    return False
        except KafkaFailure:
            return False
        finally:
            reader.close()
        return True

    def read(self, topic: str, *, isolation: str = "read_committed") -> Iterator[Any]:
        """Every event on a topic."""
        consumer = ck.Consumer(
            {
                "bootstrap.servers": self.broker.bootstrap,
                "group.id": "check",
                "isolation.level": isolation,
                "enable.auto.commit": False,
                "enable.partition.eof": True,
            }
        )
        partitions = catalogue()[topic].partitions
        consumer.assign([ck.TopicPartition(topic_name(topic), p, 0) for p in range(partitions)])
        ended = 0
        while ended < partitions:
            for message in consumer.consume(1000, 1.0):
                if message.error() is None:
                    yield decode(message.value() or b"")
                else:
                    assert message.error().code() == ck.KafkaError._PARTITION_EOF, message.error()
                    ended += 1
        consumer.close()


def pane_sums(playground: Playground) -> dict[tuple[str, int, Part], Profile]:
    """All profiles that were committed, added."""
    found: dict[tuple[str, int, Part], list[Profile]] = defaultdict(list)
    for event in playground.read("profiles"):
        if isinstance(event, ProfileSet):
            for pane in event.panes:
                found[event.model_version, pane.pane, pane.part].append(Profile.from_event(LAYOUT, pane))
    return {key: Profile.total(LAYOUT.shape(key[2]), profiles) for key, profiles in found.items()}


def wrong_panes(sums: dict[tuple[str, int, Part], Profile], expected: Expected) -> list[str]:
    """Every cell of inputs and pairs that is not what counting the stream gives."""
    wrong = []
    if (panes := {(v, p) for v, p, part in sums if part is Part.INPUTS}) != set(expected.rows):
        wrong.append(f"panes {panes ^ set(expected.rows)}")
    for (version, pane, part), profile in sums.items():
        place = (version, pane)
        if part is Part.INPUTS:
            if profile.rows != expected.rows[place]:
                wrong.append(f"rows of {place}: {profile.rows} for {expected.rows[place]}")
            origin = profile.cells[LAYOUT.by_column["origin"].cells].tolist()
            names = (None, "LGA", *LAYOUT.by_column["origin"].categories)
            if origin != [expected.origins[(*place, str(name))] for name in names]:
                wrong.append(f"origins of {place}")
            if profile.cells[LAYOUT.by_column["wind"].cells].tolist() != winds(expected, place):
                wrong.append(f"winds of {place}")
        else:
            cells = profile.cells[LAYOUT.confusion.cells].reshape(3, 3)[:2, :2].tolist()
            hand = [[expected.pairs[version, pane, part, p, a] for a in LAYOUT.classes] for p in LAYOUT.classes]
            if cells != hand or profile.rows != sum(map(sum, hand)):
                wrong.append(f"{part} pairs of {place}: {cells} for {hand}")
    pairs = Counter(dict.fromkeys(Part, 0))
    for (_, _, part), profile in sums.items():
        pairs[part] += profile.rows
    for part in (Part.IN_TIME, Part.LATER):
        hand_total = sum(n for key, n in expected.pairs.items() if key[2] is part)
        if pairs[part] != hand_total:
            wrong.append(f"{part} pairs: {pairs[part]} for {hand_total}")
    return wrong


def winds(expected: Expected, place: tuple[str, int]) -> list[int]:
    """null, NaN, below, fine cells, above, by hand."""
    block = LAYOUT.by_column["wind"]
    values = np.array(expected.winds[place])
    inside = values[(values >= block.minimum) & (values <= block.maximum)]
    fine = np.bincount(np.searchsorted(block.edges, inside, side="right"), minlength=len(block.edges) + 1)
    nulls = expected.rows[place] - len(values)
    return [nulls, 0, int((values < block.minimum).sum()), *fine.tolist(), int((values > block.maximum).sum())]


def latest_windows(playground: Playground) -> dict[tuple[str, str, int], WindowReport]:
    found: dict[tuple[str, str, int], WindowReport] = {}
    for report in playground.read("windows"):
        key = (report.model_version, report.granularity, report.start)
        if key not in found or found[key].revision < report.revision:
            found[key] = report
    return found


def window_counts(expected: Expected) -> dict[tuple[str, str, int], tuple[int, int, int]]:
    """n, pairs in time, pairs later, of every window."""
    counts: dict[tuple[str, str, int], list[int]] = defaultdict(lambda: [0, 0, 0])
    for granularity, length in (("1 hour", HOUR), ("1 day", DAY)):
        for (version, pane), n in expected.rows.items():
            counts[version, granularity, pane // length * length][0] += n
        for (version, pane, part, _, _), n in expected.pairs.items():
            counts[version, granularity, pane // length * length][1 if part is Part.IN_TIME else 2] += n
    return {key: (n, in_time, later) for key, (n, in_time, later) in counts.items()}


def wrong_windows(playground: Playground, sums: dict[tuple[str, int, Part], Profile]) -> list[str]:
    """Windows whose input cells or in-time pairs are not those of their panes."""
    wrong = []
    for (version, granularity, start), report in latest_windows(playground).items():
        panes = range(start, start + (HOUR if granularity == "1 hour" else DAY), HOUR)
        for part, cells in ((Part.INPUTS, report.cells), (Part.IN_TIME, report.label_cells)):
            parts = [sums[version, pane, part] for pane in panes if (version, pane, part) in sums]
            whole = Profile.total(LAYOUT.shape(part), parts)
            if not Profile.decode(LAYOUT, part, whole.rows, cells, b"").same_counts(whole):
                wrong.append(f"{part} of {version} {granularity} {start}")
    return wrong


def aborted_transactions(playground: Playground) -> int:
    """Transactions of stage 1 whose progress reached the log and was never committed."""

    def marks(isolation: str) -> Counter[Progress]:
        return Counter(e for e in playground.read("profiles", isolation=isolation) if isinstance(e, Progress))

    lost = marks("read_uncommitted") - marks("read_committed")
    return len({(each.group, each.writer, each.ranges) for each in lost})


@pytest.fixture
def play(own_broker: EmbeddedBroker, tmp_path: Path) -> Iterator[Callable[..., Playground]]:
    made: list[Playground] = []

    def make(**more: Any) -> Playground:
        seed = int(os.environ.get("DRIFTLINE_CHAOS_SEED", "8"))
        made.append(Playground(own_broker, tmp_path, seed=seed, **more))
        return made[0]

    yield make
    for playground in made:
        playground.nursery.stop()


def test_every_event_is_counted_once_through_kills_of_workers_and_broker(play, capsys):
    kills = int(os.environ.get("DRIFTLINE_CHAOS_KILLS", "20"))
    playground = play(split=False)
    playground.torment(kills=kills, broker_kills=3)
    assert playground.settle(playground.caught_up, 90), playground.nursery.last_words()
    traffic, tally = playground.traffic, playground.tally
    expected = traffic.expected
    dead = Counter(each.reason for each in playground.read("dead-letters") if isinstance(each, DeadLetter))
    aborted = aborted_transactions(playground)
    rate = traffic.sent / traffic.seconds
    with capsys.disabled():
        print(
            f"\n{traffic.sent} events at {rate:.0f}/s, {tally.kills} kills ({tally.inside} inside a transaction, "
            f"{aborted} seen as aborted), broker killed {tally.broker_kills} times"
        )
    sums = pane_sums(playground)
    assert wrong_panes(sums, expected) == []
    assert dead == expected.dead
    assert (tally.kills, tally.broker_kills) == (kills, 3)
    assert tally.inside >= 5
    assert aborted >= 5
    assert rate >= 2000

    wanted = window_counts(expected)

    def told() -> dict[tuple[str, str, int], tuple[int, int, int]]:
        return {key: (w.n, w.labels_in_time, w.labels_later) for key, w in latest_windows(playground).items()}

    assert playground.settle(lambda: told() == wanted, 60), playground.nursery.last_words()
    assert all(report.exact for report in latest_windows(playground).values())
    assert wrong_windows(playground, sums) == []


def test_a_transaction_split_in_two_counts_twice_and_is_seen(play, capsys):
    playground = play(split=True)
    playground.torment(kills=6, broker_kills=0, inside_only=True)
    assert playground.settle(playground.caught_up, 90), playground.nursery.last_words()
    sums, expected = pane_sums(playground), playground.traffic.expected
    wrong = wrong_panes(sums, expected)
    counted = sum(profile.rows for (_, _, part), profile in sums.items() if part is Part.INPUTS)
    with capsys.disabled():
        print(f"\nsplit transaction: {counted} rows counted of {sum(expected.rows.values())} sent, {len(wrong)} cells wrong")
    assert wrong
