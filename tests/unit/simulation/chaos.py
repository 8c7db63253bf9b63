"""What producers send, and random schedules of everything that can go wrong."""

from __future__ import annotations

import dataclasses
import random
from collections import defaultdict

from driftline.kafka.errors import KafkaFailure, OutcomeUnknown
from driftline.kafka.memory import OFFSETS
from driftline.kafka.partitioning import partition_for
from tests.unit.simulation.events import CARRIERS, MODELS, OUTCOMES, Row, predicted
from tests.unit.simulation.stage1 import PROFILES
from tests.unit.simulation.world import DAY, HOUR, MINUTE, PARTITIONS, SECOND, START, World


def traffic(
    rng: random.Random, *, rows: int, disorder_us: int, hours: float = 14, versions: str = "12"
) -> dict[tuple[str, int], list[Row]]:
    """What producers will send, by source partition and in order; times run back by `disorder_us` at most."""
    queues: dict[tuple[str, int], list[Row]] = defaultdict(list)
    spans = {"north": START, "south": START - 200 * DAY + 90 * MINUTE}
    for partition in range(PARTITIONS):
        predictions, labels = [], []
        for number in range(rows):
            model = rng.choice(MODELS)
            time = spans[model] + int(number / rows * hours * HOUR) + rng.randrange(MINUTE)
            row = Row(model, id_in(partition, number), time, rng.choice(CARRIERS), version=rng.choice(versions))
            predictions.append((time - spans[model] + rng.randrange(disorder_us + 1), row))
            if rng.random() < 0.05:
                predictions.append((time - spans[model] + rng.randrange(disorder_us + 1), row))
            if rng.random() < 0.8:
                known = time + int(rng.random() ** 2 * 5 * HOUR)
                label = Row(model, row.id, known, outcome=rng.choice((predicted(row), *OUTCOMES)), version=row.version)
                labels.append((known - spans[model] + rng.randrange(disorder_us + 1), label))
                while rng.random() < 0.3:  # it changes, or is said again, perhaps when it is no longer in time
                    known += int(rng.random() ** 2 * 3 * HOUR)
                    label = dataclasses.replace(label, time=known, outcome=rng.choice(OUTCOMES))
                    labels.append((known - spans[model] + rng.randrange(disorder_us + 1), label))
        queues["predictions", partition] = [row for _, row in sorted(predictions, key=lambda entry: entry[0])]
        queues["labels", partition] = [row for _, row in sorted(labels, key=lambda entry: entry[0])]
    return queues


def id_in(partition: int, number: int) -> str:
    """An id whose partition is that one."""
    return next(
        name for turn in range(1000) for name in (f"{number}-{turn}",) if partition_for(name.encode(), PARTITIONS) == partition
    )


class Chaos:
    """Plays a random schedule on a world."""

    def __init__(self, world: World, queues: dict[tuple[str, int], list[Row]], *, long_pauses: bool):
        self.world, self.queues, self.long_pauses = world, queues, long_pauses
        self.held = False

    def play(self, turns: int) -> None:
        world, rng = self.world, self.world.random
        world.start()
        actions = [self.produce] * 6 + [self.step] * 24 + [self.tick] * 8 + [self.crash] * 2
        actions += (
            [self.revive] * 4
            + [self.handover] * 2
            + [self.rebalance, self.hold, self.release, self.leave, self.abort, self.join_in]
        )
        if self.long_pauses:
            actions += [self.pause]
        for turn in range(turns):
            rng.choice(actions)()
            if turn % 40 == 0:
                self.ask(turn)
        for place, rows in self.queues.items():
            world.send(*place, *rows)
        world.finish()

    def produce(self) -> None:
        places = [place for place, rows in self.queues.items() if rows]
        if places:
            place = self.world.random.choice(places)
            count = self.world.random.randrange(1, 6)
            self.world.send(*place, *self.queues[place][:count])
            del self.queues[place][:count]

    def ask(self, turn: int) -> None:
        model = MODELS[turn // 40 % 2]
        begin = START if model == MODELS[0] else START - 200 * DAY
        self.world.ask(model, begin + turn * MINUTE, begin + 8 * HOUR)

    def step(self) -> None:
        alive = [one for one in self.world.instances() if one.alive]
        if alive:
            one = self.world.random.choice(alive)
            one.step()
            self.world.tick(self.world.random.randrange(100_000))

    def tick(self) -> None:
        self.world.tick(self.world.random.randrange(10_000, 1_200_000))

    def pause(self) -> None:
        """A part stands still for long, or all do."""
        self.world.tick(self.world.random.randrange(2, 40) * SECOND)

    def crash(self) -> None:
        """Between two calls, or inside one: before the commit, after it, or with its answer lost."""
        alive = [one for one in self.world.instances() if one.alive]
        if not alive:
            return
        rng = self.world.random
        one = rng.choice(alive)
        where = rng.choice(("now", "begin", "produce", "send_offsets", "commit", "commit_after"))
        if where == "now":
            one.die()
            return
        operation, after = where.removesuffix("_after"), where.endswith("_after")
        self.world.cluster.fail_next(operation, OutcomeUnknown("killed"), after=after)
        self.world.tick(600_000)
        one.step()
        if one.alive and not self.held:
            return

    def revive(self) -> None:
        for part, found in self.world.parts.items():
            waiting = [one for one in found if not one.alive]
            if waiting and not any(one.alive for one in found):
                self.world._revive(part)

    def handover(self) -> None:
        """An evaluator commits, its marker reaches `states` late, it dies, and its successor starts before that."""
        world = self.world
        alive = [one for one in world.parts["evaluate"] if one.alive]
        if self.held or not alive:
            return
        world.cluster.hold_markers(lambda place: place.topic == world.prefix + "states")
        world.run(2, 600_000)
        for one in alive:
            if one.alive:
                one.die()
        successor = world.random.choice(world.parts["evaluate"])
        world.run(1, 12 * SECOND, ["profile", "join"])  # a static member keeps its partitions until its session ends
        successor.start()
        world.run(2, 300_000)
        world.cluster.release_markers()

    def join_in(self) -> None:
        """Scale out."""
        waiting = [one for one in self.world.instances() if not one.alive]
        if waiting:
            one = self.world.random.choice(waiting)
            if self.world.clock.now_us() >= one.starts_at:
                try:
                    one.start()
                except KafkaFailure as error:
                    one.die(type(error).__name__)

    def leave(self) -> None:
        """Scale in, or a rolling update."""
        alive = [one for one in self.world.instances() if one.alive]
        if alive:
            self.world.random.choice(alive).leave()

    def rebalance(self) -> None:
        self.world.cluster.rebalance(self.world.random.choice(("profile", "join", "evaluate")))

    def hold(self) -> None:
        """Commit markers reach some partitions later than others (of one producer: in the order of its transactions)."""
        if self.held:
            return
        prefix = self.world.prefix
        topics = self.world.random.sample((prefix + "states", prefix + PROFILES, OFFSETS, "driftline.windows"), 2)
        self.world.cluster.hold_markers(lambda place: place.topic in topics)
        self.held = True

    def release(self) -> None:
        self.world.cluster.release_markers()
        self.held = False

    def abort(self) -> None:
        place = self.world.random.choice(sorted(self.queues))
        rows = [Row(MODELS[0], f"taken-back-{n}", START, "AA") for n in range(self.world.random.randrange(1, 4))]
        self.world.send_aborted(*place, *rows)
