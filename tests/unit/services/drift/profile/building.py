"""What tests of stage profile build on: its world, its events, and what went out in few words."""

import dataclasses
import io
import json
from typing import Any

import fastavro
import numpy as np

from driftline.codec import fingerprint, header
from driftline.events import ColumnKind, SchemaRegistered
from driftline.runtime.catalogue import Catalogue
from services.drift.profile.duplicates import Duplicates
from services.drift.profile.handler import ProfileHandler
from services.drift.stage1.predictions import PredictionReader
from services.drift.stage1.profile_sets import Place
from tests.unit.services.drift.building import (
    PARTITIONS,
    PROFILES_PARTITIONS,
    SCORES,
    SECOND,
    START,
    Out,
    StageWorld,
    home_of,
    monitored,
    predicted,
)

KINDS = {"age": ColumnKind.NUMERIC, "origin": ColumnKind.CATEGORICAL, ":score": ColumnKind.NUMERIC}
DATA: dict[str, Any] = {"age": np.arange(100.0), "origin": ["JFK", "LGA"] * 50, ":score": SCORES}
MONITOR, BASELINE = monitored(KINDS, DATA, future_skew_us=5 * SECOND)
change = dataclasses.replace


class World(StageWorld):
    """A stage profile that reads what is sent to it."""

    def __init__(self, *monitors, baseline=BASELINE):
        super().__init__(baseline, *(monitors or (MONITOR,)))

    def started(self):
        catalogue = Catalogue(self.cluster.consumer())
        reader = PredictionReader(catalogue.book, catalogue.schemas, PARTITIONS)
        duplicates = Duplicates(reader, self.cluster.consumer, key=b"key")
        return ProfileHandler(catalogue, reader, Place("w1", {"driftline.predictions": "id"}, PROFILES_PARTITIONS), duplicates)

    def send(self, event, *, partition=None):
        """A prediction goes where its id belongs unless told otherwise."""
        self.put("predictions", event, partition=home_of(event.prediction_id) if partition is None else partition)


def rows_of(out: Out):
    return {(s.model_id, s.model_version, p.pane): p.rows for s in out.sets for p in s.panes}


def prediction(i=0, time=START, *, version="v1", model="m", **features):
    return predicted(i, time, {"age": 5.0, "origin": "JFK"} | features, model_version=version, model_id=model)


def id_in(partition, prefix="p"):
    return next(f"{prefix}{i}" for i in range(100) if home_of(f"{prefix}{i}") == partition)


def typed(**types):
    fields = {"model_id": "string", "model_version": "string", "prediction_id": "string", "event_time": "long"} | types
    return {"type": "record", "name": "Late", "fields": [{"name": name, "type": kind} for name, kind in fields.items()]}


def write(schema, record):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), record)
    return header(schema) + out.getvalue()


def register(world, schema):
    text = json.dumps(schema)
    name = f"{fingerprint(schema):016x}"
    world.put("schemas", SchemaRegistered(fingerprint=name, name="Late", schema=text, sha256=""))
