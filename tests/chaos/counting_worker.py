"""A worker of the chaos test: counts records in the batch loop; `split` breaks its transaction in two on purpose.

python counting_worker.py BOOTSTRAP PREFIX INSTANCE whole|split HOLD

While the file HOLD exists it stops inside an open transaction that counts something (or between its two halves), and waits
there to be killed.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from prometheus_client import CollectorRegistry

from driftline.clock import SystemClock
from driftline.kafka.confluent import ConfluentCluster
from driftline.runtime.health import Health
from driftline.runtime.logs import configure_logs
from driftline.runtime.loop import BatchLoop, Flush, OutRecord, Surroundings
from driftline.runtime.metrics import LoopMetrics

OPEN_SECONDS = 0.05
"""How long a transaction is held open in any case, so that random kills fall into it too."""


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

    def __init__(self, producer, *, split, hold):
        self.producer = producer
        self.split = split
        self.hold = hold
        self.counted = False

    def begin(self):
        self.counted = False
        self.producer.begin()

    def produce(self, *what, **more):
        self.counted = True
        self.producer.produce(*what, **more)

    def __getattr__(self, name):
        return getattr(self.producer, name)

    def send_offsets(self, offsets, group):
        if self.split:
            self.producer.commit()
            self._stay_open()
            self.begin()
        self.producer.send_offsets(offsets, group)

    def commit(self):
        self.producer.flush(5)
        if not self.split:
            self._stay_open()
        self.producer.commit()

    def _stay_open(self):
        time.sleep(OPEN_SECONDS)
        if self.counted and self.hold.exists():
            os.write(1, b"o")
            time.sleep(60)


def main(bootstrap, prefix, instance, mode, hold):
    configure_logs("counting", level="error")  # to stderr: what stands on stdout is for the test
    cluster = ConfluentCluster.at(bootstrap)
    loop = BatchLoop(
        "count",
        Counting(prefix + "out"),
        consumer=cluster.consumer(prefix + "group", instance_id=f"{prefix}{instance}"),
        producer=HeldOpen(cluster.transactional_producer(f"{prefix}{instance}"), split=mode == "split", hold=Path(hold)),
        topics=[prefix + "in"],
        surroundings=Surroundings(SystemClock(), Health(), LoopMetrics(CollectorRegistry())),
    )
    loop.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
