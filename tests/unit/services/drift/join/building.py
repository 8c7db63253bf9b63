"""What tests of stage join build on: its world, its events, and what went out in few words."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from driftline.drift.profile import Layout, Profile
from driftline.events import ColumnKind, Label, Part
from driftline.runtime.catalogue import Catalogue
from services.drift.join.cache import JoinCache
from services.drift.join.handler import JoinHandler, Readers
from services.drift.join.labels import LabelReader
from services.drift.stage1.predictions import PredictionReader
from services.drift.stage1.profile_sets import Place
from tests.unit.services.drift.building import (
    DAY,
    HOUR,
    PARTITIONS,
    PROFILES_PARTITIONS,
    SCORES,
    START,
    Out,
    StageWorld,
    home_of,
    monitored,
    predicted,
)

PANE = START // HOUR * HOUR
PREDICTIONS, LABELS = "driftline.predictions", "driftline.labels"
KINDS = {"age": ColumnKind.NUMERIC, ":prediction": ColumnKind.CATEGORICAL, ":score": ColumnKind.NUMERIC}
DATA: dict[str, Any] = {"age": np.arange(100.0), ":prediction": ["yes", "no"] * 50, ":score": SCORES}
MONITOR, BASELINE = monitored(KINDS, DATA, label_delay_us=DAY, label_ttl_us=3 * DAY, future_skew_us=30 * DAY)
LAYOUT = Layout.of(MONITOR, BASELINE)
change = dataclasses.replace


class World(StageWorld):
    """A stage join that reads what is sent to it."""

    sources = ("predictions", "labels")
    folder: Path | None = None
    write_rows = 1

    def __init__(self, *monitors, folder: Path | None = None, baseline=BASELINE):
        self.folder = folder
        super().__init__(baseline, *(monitors or (MONITOR,)))

    def started(self):
        """What a new process does: remember what lies before where it reads on."""
        catalogue = Catalogue(self.cluster.consumer())
        readers = Readers(
            PredictionReader(catalogue.book, catalogue.schemas, PARTITIONS),
            LabelReader(catalogue.book, catalogue.schemas, PARTITIONS),
            self.cluster.consumer,
        )
        place = Place("w1", {PREDICTIONS: "p-id", LABELS: "l-id"}, PROFILES_PARTITIONS)
        return JoinHandler(catalogue, readers, place, JoinCache(self.folder, place.topic_ids, write_rows=self.write_rows))

    def predict(self, *events):
        for event in events:
            self.put("predictions", event, home_of(event.prediction_id))

    def label(self, *events):
        for event in events:
            self.put("labels", event, home_of(event.prediction_id))


def pairs_of(out: Out):
    """(version, part, pane, predicted, actual) -> pairs."""
    classes = (*LAYOUT.classes, "other")
    found = {}
    for each in out.sets:
        for event in each.panes:
            cells = LAYOUT.pairs.confusion(Profile.from_event(LAYOUT, event).cells)
            for i, j in np.argwhere(cells).tolist():
                found[each.model_version, event.part, event.pane, classes[i], classes[j]] = int(cells[i, j])
    return found


def prediction(i=0, time=START, *, version="v1", said="yes", score: float | None = 0.5, **features):
    return predicted(i, time, {"age": 5.0} | features, model_version=version, prediction=said, score=score)


def label(i=0, time=START, value: float | str = "yes"):
    return Label(model_id="m", prediction_id=f"p{i}", label_time=time, label=value)


ONE = {("v1", Part.IN_TIME, PANE, "yes", "yes"): 1}
