"""The batch loop on a real broker while its workers, and the broker, are killed with SIGKILL at random."""

from __future__ import annotations

import random
import select
import subprocess
import sys
import threading
import time
from pathlib import Path

import confluent_kafka
import pytest

from driftline.kafka.confluent import ConfluentCluster
from driftline.kafka.ports import Isolation, NewTopic, TopicPartition

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1800)]

PREFIX = "fire."
PARTITIONS = 4
PER_SECOND = 2_000
WORKER = Path(__file__).with_name("counting_worker.py")


class Fleet:
    """Two workers that are killed and started again."""

    def __init__(self, bootstrap, mode, folder):
        self.hold = {name: folder / f"hold-{name}" for name in "ab"}
        self.command = lambda name: [sys.executable, str(WORKER), bootstrap, PREFIX, name, mode, str(self.hold[name])]
        self.workers = {name: self._launch(name) for name in ("a", "b")}

    def _launch(self, name):
        return subprocess.Popen(self.command(name), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0)

    def kill(self, name, *, inside):
        """SIGKILL; `inside` waits until the worker stands still in its open transaction."""
        if inside:
            self.hold[name].touch()
            self._wait_open(name)
            self.hold[name].unlink()
        self.workers[name].kill()
        self.workers[name].communicate()
        self.workers[name] = self._launch(name)

    def _wait_open(self, name, seconds=180):
        deadline = time.monotonic() + seconds
        while not select.select([self.workers[name].stdout], [], [], 0.1)[0]:
            assert time.monotonic() < deadline, f"worker {name} opened no transaction"
            self.revive()

    def revive(self):
        """Crash-only workers may have ended by themselves."""
        for name, worker in list(self.workers.items()):
            if worker.poll() is not None:
                worker.communicate()
                self.workers[name] = self._launch(name)

    def end(self):
        for worker in self.workers.values():
            worker.kill()
            worker.communicate()


class Feed(threading.Thread):
    """Sends records at a steady pace; counts what the broker acknowledged."""

    def __init__(self, cluster):
        super().__init__(daemon=True)
        self.producer = cluster.producer()
        self.acknowledged = 0
        self.ending = threading.Event()

    def run(self):
        number = 0
        while not self.ending.wait(0.05):
            for _ in range(PER_SECOND // 20):
                self.producer.produce(PREFIX + "in", b"x", partition=number % PARTITIONS, on_delivery=self._note)
                number += 1
            self.producer.poll(0)
        assert self.producer.flush(180) == 0

    def _note(self, delivery):
        self.acknowledged += delivery.error is None


def _outputs(bootstrap, isolation):
    """Values on the output topic; read_uncommitted shows aborted ones too."""
    consumer = confluent_kafka.Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "reader", "isolation.level": isolation, "enable.partition.eof": True, "auto.offset.reset": "earliest", "enable.auto.commit": False}
    )  # fmt: skip
    consumer.assign([confluent_kafka.TopicPartition(PREFIX + "out", 0, 0)])
    found = []
    while True:
        message = consumer.poll(10)
        assert message is not None
        if message.error():
            consumer.close()
            return found
        found.append(int(message.value()))


def _wait_read(cluster, fleet, seconds=300):
    """Wait until the group has committed everything there is."""
    places = [TopicPartition(PREFIX + "in", number) for number in range(PARTITIONS)]
    admin = cluster.admin()
    deadline = time.monotonic() + seconds
    while True:
        fleet.revive()
        ends, offsets = admin.end_offsets(places, Isolation.READ_UNCOMMITTED), admin.group_offsets(PREFIX + "group")
        if offsets == ends:
            return
        assert time.monotonic() < deadline, f"not read to the end: {offsets} of {ends}"
        time.sleep(0.2)


def _fire(broker, mode, *, kills, broker_kills):
    broker.start(timeout_seconds=180)
    cluster = ConfluentCluster.at(broker.bootstrap)
    cluster.admin().create([NewTopic(PREFIX + "in", PARTITIONS), NewTopic(PREFIX + "out", 1)])
    feed, fleet, dice = Feed(cluster), Fleet(broker.bootstrap, mode, broker.data_dir), random.Random(7)
    broker_turns = set(dice.sample(range(kills), broker_kills))
    feed.start()
    try:
        time.sleep(3)
        for turn in range(kills):
            time.sleep(dice.uniform(0.1, 1.5))
            fleet.kill(dice.choice("ab"), inside=turn % 2 == 0)
            fleet.revive()
            if turn in broker_turns:
                broker.kill()
                broker.restart(timeout_seconds=180)
        feed.ending.set()
        feed.join(200)
        _wait_read(cluster, fleet)
    finally:
        feed.ending.set()
        fleet.end()
    counted = _outputs(broker.bootstrap, "read_committed")
    tried = _outputs(broker.bootstrap, "read_uncommitted")
    return feed.acknowledged, sum(counted), len(tried) - len(counted)


def test_every_record_is_counted_once_through_twenty_kills_and_three_of_the_broker(own_broker):
    sent, counted, aborted = _fire(own_broker, "whole", kills=20, broker_kills=3)
    print(f"sent {sent}, counted {counted}, aborted transactions seen {aborted}")
    assert counted == sent
    assert aborted >= 5
    assert sent > 20_000


def test_with_the_transaction_split_in_two_records_are_counted_twice(own_broker):
    sent, counted, _ = _fire(own_broker, "split", kills=6, broker_kills=0)
    print(f"sent {sent}, counted {counted}")
    assert counted > sent
