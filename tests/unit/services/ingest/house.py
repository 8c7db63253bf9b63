"""Ingest over the in-memory twin of Kafka, and the events that are sent to it."""

import asyncio
from pathlib import Path

import httpx
import orjson

from bench.ingest_process import MODEL, baseline, monitor
from driftline import batches, codec, topics
from driftline.clock import ManualClock
from driftline.kafka.memory import MemoryCluster
from driftline.kafka.ports import NewTopic, TopicPartition
from driftline.runtime.catalogue import Catalogue
from driftline.runtime.health import Health
from driftline.runtime.http import Access
from driftline.runtime.tokens import TokenBook, create_token
from services.ingest.adapters.outbox import Outbox
from services.ingest.adapters.sqlite_keys import SqliteKeys
from services.ingest.api.application import application
from services.ingest.api.desk import Desk
from services.ingest.api.gathering import Gatherer
from services.ingest.consumer import TOPICS as FOLLOWED
from services.ingest.consumer import MonitorDirectory

NOW = 1_790_000_000_000_000
NOON = 1_772_366_400_000_000
MINUTE = 60_000_000
TOPICS = ("predictions", "labels", "dead-letters", "monitors", "baselines")


class House:
    """Ingest on the twin, with a producer's and a viewer's token and the monitor of one model."""

    def __init__(self, directory: Path) -> None:
        self.clock = ManualClock(NOW)
        self.cluster = MemoryCluster(self.clock)
        declared = [topics.catalogue()[name] for name in TOPICS]
        self.cluster.admin().create([NewTopic(each.name, each.partitions) for each in declared])
        self.catalogue = Catalogue(self.cluster.consumer(), topics=FOLLOWED)
        self.directory = MonitorDirectory(self.catalogue)
        self.producer = self.cluster.producer()
        self.outbox = Outbox(self.producer)
        tokens = directory / "tokens.json"
        self.token = create_token(tokens, "shop", ["producer"])
        self.viewer = create_token(tokens, "vera", ["viewer"])
        self.keys = SqliteKeys(directory / "ingest.db", keep_seconds=3600)
        self.desk = Desk(
            Gatherer(self.directory, self.outbox, self.clock), self.keys, Access(TokenBook(tokens)), self.clock, 1_000_000
        )
        self.app = application(self.desk, Health(), body_limit=100_000)
        self.watch(monitor())

    def watch(self, watched) -> None:
        self.catalogue.learn(baseline(watched), 1)
        self.catalogue.learn(watched, 2)

    def post(self, path, *contents, token=None, headers=None):
        """Send requests at once; the answers in order."""

        async def pump() -> None:
            while True:
                self.producer.poll()
                await asyncio.sleep(0.001)

        async def send():
            served = asyncio.create_task(pump())
            sent = {"Authorization": f"Bearer {token or self.token}"} if token != "" else {}
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://ingest") as client:
                posts = (
                    client.post(path, content=c if isinstance(c, bytes) else orjson.dumps(c), headers=sent | (headers or {}))
                    for c in contents
                )
                found = await asyncio.gather(*posts)
            served.cancel()
            return found

        found = asyncio.run(send())
        return found if len(found) > 1 else found[0]

    def read(self, topic):
        """Partition and event of every record on a topic."""
        consumer = self.cluster.consumer()
        name = topics.name(topic)
        consumer.assign({TopicPartition(name, n): 0 for n in range(topics.catalogue()[topic].partitions)})
        return [(m.partition(), codec.decode(m.value() or b"")) for m in consumer.consume(10_000, 0)]

    def stored_ids(self):
        return sorted(raw.decode() for _, batch in self.read("predictions") for raw in batches.to_columns(batch).prediction_ids)


def event(number=1, **changes):
    return {
        "model_id": MODEL,
        "model_version": "3",
        "prediction_id": f"p{number}",
        "event_time": NOW - number,
        "prediction": "yes",
        "score": 0.5,
        "features": {"num_0": 1.5, "cat_0": "a"},
    } | changes


def label(number=1, **changes):
    return {"model_id": MODEL, "prediction_id": f"p{number}", "label_time": NOW, "label": "no"} | changes


def without(row, name):
    return {key: value for key, value in row.items() if key != name}
