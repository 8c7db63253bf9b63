"""A stream of predictions, labels and mistakes, and what counting all of it at once must find."""

from __future__ import annotations

import heapq
import math
import random
import threading
import time
from collections import Counter, defaultdict
from dataclasses import replace
from typing import Any

import numpy as np

from driftline.batches import from_rows
from driftline.codec import encode
from driftline.drift.baseline import fit_baseline
from driftline.events import ColumnKind, Label, MonitorColumn, Part, Prediction, Task, Watermark
from driftline.kafka.partitioning import partition_for
from driftline.kafka.ports import Delivery, Producer
from driftline.topics import name as topic_name
from tests.builders import monitor_of

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
START = 473_352 * HOUR  # 2024-01-01
PARTITIONS = 8
PREDICTIONS, LABELS = topic_name("predictions"), topic_name("labels")
ORIGINS = ("EWR", "JFK", "LGA")
KINDS = {
    "wind": ColumnKind.NUMERIC,
    "origin": ColumnKind.CATEGORICAL,
    ":prediction": ColumnKind.CATEGORICAL,
    ":score": ColumnKind.NUMERIC,
}
_SAMPLE = np.random.default_rng(7)
BASELINE = fit_baseline(
    "flights",
    {
        "wind": _SAMPLE.gamma(2, 5, 5000),
        "origin": _SAMPLE.choice(ORIGINS[:2], 5000).tolist(),
        ":prediction": _SAMPLE.choice(["late", "on time"], 5000).tolist(),
        ":score": _SAMPLE.beta(2, 5, 5000),
    },
    KINDS,
)
MONITOR = monitor_of(
    model_id="flights",
    task=Task.BINARY,
    positive_class="late",
    columns=tuple(MonitorColumn(name=name, kind=kind) for name, kind in KINDS.items()),
    baseline_id=BASELINE.baseline_id,
    labels=True,
    granularities=("1 hour", "1 day"),
    alert_on="1 day",
    lateness_us=HOUR // 4,
    idle_timeout_us=60 * SECOND,
    max_wait_us=3600 * SECOND,
    label_delay_us=2 * HOUR,
    label_ttl_us=2 * DAY,
    future_skew_us=300 * SECOND,
    minimum_n=200,
)
PER_HOUR = 2000
"""Predictions in an hour of event time."""


class Expected:
    """Counts of every pane, kept while the stream is made, in the plainest way."""

    def __init__(self) -> None:
        self.rows: Counter[tuple[str, int]] = Counter()  # (version, pane)
        self.origins: Counter[tuple[str, int, str]] = Counter()
        self.winds: dict[tuple[str, int], list[float]] = defaultdict(list)
        self.pairs: Counter[tuple[str, int, Part, str, str]] = Counter()
        self.dead: Counter[str] = Counter()

    def prediction(self, row: Prediction) -> None:
        place = (row.model_version, row.event_time // HOUR * HOUR)
        self.rows[place] += 1
        self.origins[(*place, str(row.features["origin"]))] += 1
        wind = row.features["wind"]
        if isinstance(wind, float):
            self.winds[place].append(wind)

    def pair(self, row: Prediction, label: Label) -> None:
        part = Part.IN_TIME if label.label_time <= row.event_time + MONITOR.label_delay_us else Part.LATER
        self.pairs[row.model_version, row.event_time // HOUR * HOUR, part, str(row.prediction), str(label.label)] += 1


class Traffic:
    """Sends at a steady rate from a thread until `stop`; every record is delivered or the stream fails."""

    def __init__(self, producer: Producer, *, rate: int, seed: int) -> None:
        """`rate` counts predictions and labels together, each second."""
        self.expected = Expected()
        self.sent = 0
        self.seconds = 0.0
        self._producer = producer
        self._rate = rate
        self._random = random.Random(seed)
        self._due: list[tuple[int, int, Prediction]] = []
        self._made = 0
        self._failed: list[str] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def event_time(self) -> int:
        return START + self._made * HOUR // PER_HOUR

    def start(self) -> None:
        """Send at the rate until `finish`."""
        self._thread.start()

    def burst(self, predictions: int) -> None:
        """Send about so many at once, instead of a steady stream."""
        made = self._made
        while self._made < made + predictions:
            self._step()
        self._deliver()

    def stop(self) -> None:
        """End the steady stream."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def finish(self) -> None:
        """Stop, send what is due, then watermarks far beyond every window, and wait for the broker."""
        self.stop()
        self._send_labels(2**62)
        far = self.event_time + 60 * DAY
        for topic in (PREDICTIONS, LABELS):
            for partition in range(PARTITIONS):
                self._send(topic, Watermark(model_id="flights", event_time=far), partition)
        self._deliver()

    def _deliver(self) -> None:
        left = self._producer.flush(180)
        assert not left, f"{left} records were never acknowledged"
        assert not self._failed, self._failed[:3]

    def _run(self) -> None:
        began = time.monotonic()
        while not self._stopping.is_set():
            # A machine that cannot keep the pace would never catch up: it must be told to stop here, too.
            while self.sent < self._rate * (time.monotonic() - began) and not self._stopping.is_set():
                self._step()
            self._producer.poll(0.01)
        self.seconds = time.monotonic() - began

    def _step(self) -> None:
        """A handful of predictions, one by one or as batches, and the labels that have become due."""
        rows = [self._prediction() for _ in range(120)]
        if self._random.random() < 0.5:
            for row in rows:
                self._send(PREDICTIONS, row, _home(row.prediction_id))
        else:
            homes: dict[tuple[int, str], list[Prediction]] = defaultdict(list)
            for row in rows:
                homes[_home(row.prediction_id), row.model_version].append(row)
            for (partition, _), members in homes.items():
                self._send(PREDICTIONS, from_rows(members), partition)
        self.sent += len(rows)
        if self._random.random() < 0.1:
            self._mistake(rows[0])
        self._send_labels(self.event_time)

    def _prediction(self) -> Prediction:
        choose = self._random
        self._made += 1
        wind = None if choose.random() < 0.05 else choose.gammavariate(2, 6)
        row = Prediction(
            model_id="flights",
            model_version=choose.choice(("7", "7", "8")),
            prediction_id=f"f-{self._made}",
            event_time=self.event_time - choose.randrange(HOUR // 8),
            prediction=choose.choice(("late", "on time")),
            score=choose.betavariate(2, 5),
            features={"wind": wind, "origin": choose.choice(ORIGINS)},
        )
        self.expected.prediction(row)
        if choose.random() < 0.95:
            known = row.event_time + choose.randrange(3 * HOUR)
            # Some labels are sent before their prediction is read, most after.
            heapq.heappush(self._due, (known - choose.randrange(HOUR), self._made, row))
        return row

    def _send_labels(self, until: int) -> None:
        while self._due and self._due[0][0] <= until:
            _, number, row = heapq.heappop(self._due)
            lag = random.Random(number).randrange(3 * HOUR)
            outcome = "late" if number % 3 else "on time"
            label = Label(model_id="flights", prediction_id=row.prediction_id, label_time=row.event_time + lag, label=outcome)
            if number % 50 == 0:  # it was known otherwise at first
                mistaken = replace(label, label="on time" if outcome == "late" else "late")
                self._send(LABELS, mistaken, _home(row.prediction_id))
            self._send(LABELS, label, _home(row.prediction_id))
            self.expected.pair(row, label)
            self.sent += 1
            if number % 100 == 0:
                self._send(LABELS, label, _home(row.prediction_id))

    def _mistake(self, row: Prediction) -> None:
        bad: Any = Prediction(
            model_id="flights",
            model_version="7",
            prediction_id=row.prediction_id,
            event_time=row.event_time,
            prediction="late",
            features={"wind": math.inf, "origin": "EWR"},
        )
        self._send(PREDICTIONS, bad, _home(row.prediction_id))
        self.expected.dead["non_finite"] += 1

    def _send(self, topic: str, event: Any, partition: int) -> None:
        key = event.prediction_id.encode() if isinstance(event, Prediction | Label) else b"flights"
        self._producer.produce(topic, encode(event), key=key, partition=partition, on_delivery=self._delivered)

    def _delivered(self, delivery: Delivery) -> None:
        if delivery.error is not None:
            self._failed.append(delivery.error)


def _home(prediction_id: str) -> int:
    return partition_for(prediction_id.encode(), PARTITIONS)
