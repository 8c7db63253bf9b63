"""A worker of the chaos test: counts records in the batch loop; `split` breaks its transaction in two on purpose.

python counting_worker.py BOOTSTRAP PREFIX INSTANCE whole|split
"""

from __future__ import annotations

import os
import sys
import time

from prometheus_client import CollectorRegistry

from driftline.clock import SystemClock
from driftline.kafka.confluent import ConfluentCluster
from driftline.runtime.health import Health
from driftline.runtime.loop import BatchLoop, Flush, OutRecord, Surroundings
from driftline.runtime.metrics import LoopMetrics

OPEN_SECONDS = 0.15
"""How long a transaction is held open, so that kills fall into it."""


class Counting:
    """One output per flush: how many records it counted."""

    def __init__(self, out):
        self.out = out
        self.count = 0

    def commit_interval(self):
        return 0.1

    def on_assign(self, starts, now):
        self.count = 0

    def on_revoke(self, partitions):
        self.count = 0

    def handle(self, messages, now):
        self.count += len(messages)

    def flush(self, reach, now):
        count, self.count = self.count, 0
        return Flush([OutRecord(self.out, None, str(count).encode())] if count else [])

    def committed(self, offsets, now):
        pass


class HeldOpen:
    """A producer that waits before each commit; split, it commits records and offsets one after the other."""

    def __init__(self, producer, *, split):
        self.producer = producer
        self.split = split
        producer.flush(5)

    def __getattr__(self, name):
        return getattr(self.producer, name)

    def send_offsets(self, offsets, group):
        if self.split:
            self.producer.commit()
            _say_open()
            self.producer.begin()
        self.producer.send_offsets(offsets, group)

    def commit(self):
        self.producer.flush(5)
        if not self.split:
            _say_open()
        self.producer.commit()


def _say_open():
    """Tell the test that a kill would fall into the open transaction now, and leave it the time for that."""
    os.write(1, b"o")
    time.sleep(OPEN_SECONDS)


def main(bootstrap, prefix, instance, mode):
    cluster = ConfluentCluster.at(bootstrap)
    loop = BatchLoop(
        "count",
        Counting(prefix + "out"),
        consumer=cluster.consumer(prefix + "group", instance_id=f"{prefix}{instance}"),
        producer=HeldOpen(cluster.transactional_producer(f"{prefix}{instance}"), split=mode == "split"),
        topics=[prefix + "in"],
        surroundings=Surroundings(SystemClock(), Health(), LoopMetrics(CollectorRegistry())),
    )
    loop.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
