"""The broker is stopped (SIGSTOP) under load: never 202 for what is not stored; afterwards everything accepted is there once."""

from __future__ import annotations

import collections
import threading
import time

import orjson
import pytest

from bench.ingest_process import MODEL, IngestProcess, prepare
from driftline import batches, codec, topics
from driftline.kafka.confluent import ConfluentCluster
from driftline.kafka.ports import TopicPartition

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]
ROWS, CLIENTS = 20, 4
FROZEN_SECONDS = 5.0


class Load:
    """Clients that send batches of fresh ids until told to stop, and note what they were answered."""

    def __init__(self, ingest):
        self.accepted, self.unanswered = set(), set()
        self.answers = []
        self.slowest = 0.0
        self._ingest = ingest
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(CLIENTS)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, client):
        connection = self._ingest.connect(60)
        turn = 0
        while not self._stop.is_set():
            turn += 1
            ids = [f"{client}-{turn}-{row}" for row in range(ROWS)]
            now = time.time_ns() // 1000
            rows = [
                {"model_id": MODEL, "model_version": "1", "prediction_id": each, "event_time": now, "score": 0.5}
                for each in ids
            ]
            began = time.monotonic()
            status, _ = self._ingest.post(connection, "/v1/predictions", orjson.dumps({"events": rows}))
            self.slowest = max(self.slowest, time.monotonic() - began)
            self.answers.append((time.monotonic(), status))
            (self.accepted if status == 202 else self.unanswered).update(ids)
            if status != 202:
                time.sleep(0.05)

    def statuses(self, since):
        """How often each status was answered since a moment."""
        return collections.Counter(status for at, status in list(self.answers) if at >= since)


def stored(cluster):
    """How often each id is in the log."""
    consumer = cluster.consumer()
    places = [TopicPartition(topics.name("predictions"), n) for n in range(8)]
    consumer.assign(dict.fromkeys(places, 0))
    ends = {place: consumer.watermarks(place).stable for place in places}
    found: collections.Counter[str] = collections.Counter()
    deadline = time.monotonic() + 180
    while any(consumer.positions([place]).get(place, 0) < end for place, end in ends.items()):
        assert time.monotonic() < deadline
        for message in consumer.consume(1000, 0.2):
            found.update(raw.decode() for raw in batches.to_columns(codec.decode(message.value())).prediction_ids)
    consumer.close()
    return found


def wait_for(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def test_nothing_is_accepted_from_a_stopped_broker_and_everything_accepted_is_there_once(own_broker, tmp_path):
    own_broker.start(timeout_seconds=180)
    cluster = ConfluentCluster.at(own_broker.bootstrap)
    prepare(cluster)
    patience = {"DRIFTLINE_ACKNOWLEDGE_TIMEOUT_SECONDS": "2"}
    with IngestProcess(own_broker.bootstrap, tmp_path, patience) as ingest:
        with Load(ingest) as load:
            wait_for(lambda: load.statuses(0)[202] > 40, 90, "no load")
            own_broker.freeze()
            # What was acknowledged before the stop may still be on its way to the caller.
            time.sleep(0.5)
            frozen = time.monotonic()
            wait_for(lambda: load.statuses(frozen)[503] > 20, 90, "no 503 from a stopped broker")
            time.sleep(FROZEN_SECONDS)
            while_frozen = load.statuses(frozen)
            own_broker.thaw()
            thawed = time.monotonic()
            wait_for(lambda: load.statuses(thawed)[202] > 40, 180, "ingest does not recover")
        assert set(while_frozen) == {503}, while_frozen
        assert load.slowest < 2 + 5, "a caller waited far longer than the acknowledgement may take"
        found = stored(cluster)

    assert load.accepted <= set(found), "accepted but not stored"
    assert all(found[each] == 1 for each in load.accepted), "accepted and stored more than once"
    assert set(found) <= load.accepted | load.unanswered
