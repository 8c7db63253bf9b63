"""Drift processes as they are, but their transactions stay open for a moment before they are committed, and say so.

    python -m tests.chaos.worker --hold 0.02 [--split]

A nursery: for each line "NAME FOLDER" on standard input it forks a process that runs all three stages as instance NAME.
It is forked and not started anew because importing everything takes longer than the life of a process in this test.

Lines on standard output: "open NAME PID STAGE" when everything of a transaction has reached the broker and nothing is
committed ("frozen" instead when it is to stay so), "done NAME PID STAGE" when it is. `--split` is the mutant that the test must catch: records in one transaction,
offsets in another, and "open" is said between the two.
"""

import argparse
import os
import select
import sys
import time
import traceback
from collections.abc import Mapping
from pathlib import Path

from prometheus_client import REGISTRY

from driftline.clock import SystemClock
from driftline.kafka.configuration import client_properties, transactional_properties
from driftline.kafka.confluent import ConfluentCluster, ConfluentTransactionalProducer
from driftline.kafka.ports import GroupMetadata, TopicPartition
from driftline.runtime.health import Health
from driftline.runtime.logs import configure_logs
from driftline.runtime.loop import Surroundings
from driftline.runtime.metrics import LoopMetrics
from driftline.runtime.process import run_parts
from driftline.runtime.settings import load
from services.drift.app import look_around, make_loop
from services.drift.settings import Settings, Stage

FROZEN_SECONDS = 10.0
"""Less than a transaction may stay open, should nobody kill it."""


class HoldingProducer(ConfluentTransactionalProducer):
    """Commits late."""

    hold = 0.0
    stage = ""
    freezes = frozenset({"profile", "join"})

    def commit(self) -> None:
        self.flush(10.0)
        self.pause()
        super().commit()
        self.say("done")

    def pause(self) -> None:
        """Hold on; where a file "freeze" lies in the instance's folder, stage 1 holds until it is killed."""
        frozen = self.stage in self.freezes and Path(os.environ["DRIFTLINE_DATA_DIR"], "freeze").exists()
        self.say("frozen" if frozen else "open")
        time.sleep(FROZEN_SECONDS if frozen else self.hold)

    def say(self, word: str) -> None:
        # One write: lines of several processes do not mix.
        os.write(1, f"{word} {os.environ['DRIFTLINE_INSTANCE_ID']} {os.getpid()} {self.stage}\n".encode())


class SplittingProducer(HoldingProducer):
    """Wrong on purpose: what is counted is committed before the offsets that it was counted from."""

    freezes = frozenset({"profile"})
    """Not the join: its first transactions after a start may hold nothing that could be counted twice."""
    _offsets: tuple[Mapping[TopicPartition, int], GroupMetadata] | None = None

    def send_offsets(self, offsets: Mapping[TopicPartition, int], group: GroupMetadata) -> None:
        self._offsets = offsets, group

    def commit(self) -> None:
        ConfluentTransactionalProducer.commit(self)
        if self._offsets is not None:
            self.pause()
            self.begin()
            ConfluentTransactionalProducer.send_offsets(self, *self._offsets)
            ConfluentTransactionalProducer.commit(self)
            self._offsets = None
        self.say("done")


class HoldingCluster(ConfluentCluster):
    """A cluster whose transactional producers hold on."""

    hold = 0.0
    kind = HoldingProducer

    def transactional_producer(self, transactional_id: str) -> ConfluentTransactionalProducer:
        producer = self.kind(transactional_properties(self._properties, transactional_id=transactional_id))
        producer.hold = self.hold
        producer.stage = next(stage.value for stage in Stage if transactional_id.startswith(stage.group))
        return producer


def work(*, hold: float, split: bool) -> int:
    """What `services.drift.app.run` does, without a web server."""
    settings = load(Settings)
    configure_logs("drift", level=settings.log_level)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    kafka = HoldingCluster(client_properties())
    kafka.hold = hold
    kafka.kind = SplittingProducer if split else HoldingProducer
    cluster = look_around(kafka)
    health = Health()
    surroundings = Surroundings(SystemClock(), health, LoopMetrics(REGISTRY))
    loops = {stage.value: make_loop(stage, settings, cluster, surroundings) for stage in Stage}
    return run_parts(loops, health)


def be_born(name: str, folder: Path, arguments: argparse.Namespace) -> None:
    """The rest of a forked process's life."""
    log = os.open(folder / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 2)
    os.environ["DRIFTLINE_INSTANCE_ID"] = name
    os.environ["DRIFTLINE_DATA_DIR"] = str(folder / name)
    code = 1
    try:
        code = work(hold=arguments.hold, split=arguments.split)
    except BaseException:
        traceback.print_exc()
    os._exit(code)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hold", type=float, default=0.0)
    parser.add_argument("--split", action="store_true")
    arguments = parser.parse_args()
    os.write(1, b"ready\n")
    children: set[int] = set()
    waiting = b""
    while True:
        if select.select([0], [], [], 0.05)[0]:
            more = os.read(0, 4096)
            if not more:
                return
            *lines, waiting = (waiting + more).split(b"\n")
            for line in lines:
                name, folder = line.decode().split(" ", 1)
                child = os.fork()
                if not child:
                    be_born(name, Path(folder), arguments)
                children.add(child)
                os.write(1, f"born {name} {child} -\n".encode())
        for child in list(children):
            if os.waitpid(child, os.WNOHANG)[0]:
                children.discard(child)
                os.write(1, f"gone - {child} -\n".encode())


if __name__ == "__main__":
    main()
    sys.exit(0)
