"""The same world with the real handlers of stage 1: Avro in, judged rows, the label join, dead letters."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from driftline.codec import encode
from driftline.events import Label, Prediction, Watermark
from driftline.kafka.configuration import StartAt
from driftline.kafka.ports import NewTopic
from driftline.runtime.catalogue import TOPICS, Catalogue
from driftline.topics import name as topic_name
from driftline.validation.book import MonitorBook
from services.drift.join.cache import JoinCache
from services.drift.join.handler import JoinHandler, Readers
from services.drift.join.labels import LabelReader
from services.drift.profile.duplicates import Duplicates
from services.drift.profile.handler import ProfileHandler
from services.drift.stage1.predictions import PredictionReader
from services.drift.stage1.profile_sets import Place
from tests.unit.simulation.events import Row, booked, predicted, remark, score
from tests.unit.simulation.world import BASELINE, INPUT_TOPICS, PARTITIONS, PROFILES_PARTITIONS, SECOND, World


class RealWorld(World):
    """Everything between producers and the outputs of stage 2 is what runs in production."""

    prefix = "driftline."

    def __init__(self, seed: int = 0, **options):
        super().__init__(seed, **options)
        self._disk = tempfile.TemporaryDirectory()  # goes with the world
        self._folder = Path(self._disk.name)
        self.cluster.admin().create([NewTopic(topic_name(topic), 1) for topic in TOPICS])
        self.cluster.admin().create([NewTopic("driftline.dead-letters", 1)])
        self.producer.produce(topic_name("baselines"), encode(BASELINE), key=BASELINE.baseline_id.encode())
        self.tick(SECOND)
        for model in self.monitors:
            for monitor in self.book.versions(model):
                self.producer.produce(
                    topic_name("monitors"), encode(monitor), key=f"{model}/{monitor.monitor_version}".encode()
                )
        self.tick(SECOND)

    def _catalogue(self) -> Catalogue:
        return Catalogue(self.cluster.consumer(start_at=StartAt.EARLIEST))

    def known(self) -> tuple[MonitorBook, Callable[[], object]]:
        catalogue = self._catalogue()
        return catalogue.book, catalogue.refresh

    def handler(self, part: str, name: str):
        if part == "evaluate":
            return self._evaluate(name)
        catalogue = self._catalogue()
        reader = PredictionReader(catalogue.book, catalogue.schemas, PARTITIONS)
        place = Place(name, {self.prefix + topic: "T" for topic in INPUT_TOPICS}, PROFILES_PARTITIONS)
        if part == "profile":
            duplicates = Duplicates(
                reader, self.cluster.consumer, key=b"0123456789abcdef", monotonic=self.surroundings.monotonic
            )
            return ProfileHandler(catalogue, reader, place, duplicates)
        labels = LabelReader(catalogue.book, catalogue.schemas, PARTITIONS)
        readers = Readers(reader, labels, rebuild=self.cluster.consumer)
        folder = None if self.caches is None else self._folder / name
        return JoinHandler(
            catalogue, readers, place, JoinCache(folder, place.topic_ids, write_rows=5), monotonic=self.surroundings.monotonic
        )

    def encode(self, row: Row) -> bytes:
        if row.is_label:
            return encode(Label(model_id=row.model, prediction_id=row.id, label_time=row.time, label=row.outcome))
        if not row.id:
            return encode(Watermark(model_id=row.model, event_time=row.time))
        return encode(
            Prediction(
                model_id=row.model,
                model_version=row.version,
                prediction_id=row.id,
                event_time=row.time,
                prediction=predicted(row),
                score=score(row),
                features={"carrier": row.carrier, "booked": booked(row), "remark": remark(row)},
            )
        )
