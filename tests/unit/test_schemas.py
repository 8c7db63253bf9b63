"""The folder `schemas/` is true: nothing orphaned, every example decodes, classes and schemas agree, changes stay compatible."""

import json
import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields
from enum import StrEnum

import fastavro
import pytest

from driftline import codec, events
from driftline.schemas import avro_schema, folder, retired_schemas
from driftline.topics import catalogue

EVENTS = codec.EVENT_NAMES


def as_bytes(value, schema):
    """Avro's JSON form writes bytes as ISO-8859-1 text."""
    if isinstance(schema, list):
        if value is None:
            return None
        return as_bytes(value, next(s for s in schema if s != "null")) if schema == ["null", "bytes"] else value
    if schema == "bytes":
        return value.encode("latin-1")
    if isinstance(schema, dict) and schema["type"] == "array":
        return [as_bytes(item, schema["items"]) for item in value]
    if isinstance(schema, dict) and schema["type"] == "record":
        return {f["name"]: as_bytes(value[f["name"]], f["type"]) for f in schema["fields"]}
    return value


def test_every_schema_is_an_event_and_every_event_has_a_schema():
    assert {path.stem for path in (folder() / "avro").glob("*.avsc")} == set(EVENTS)


def test_every_schema_is_carried_by_some_topic_and_every_topic_names_real_schemas():
    carried = {name for topic in catalogue().values() for name in topic.schemas}
    assert carried == set(EVENTS)


@pytest.mark.parametrize("topic", catalogue().values(), ids=lambda topic: topic.topic)
def test_topic_declaration_is_complete(topic):
    path = folder() / "topics" / f"{topic.topic}.yaml"
    assert path.is_file()
    assert topic.description
    assert topic.producers
    assert topic.consumers
    assert topic.config["message.timestamp.type"] == "LogAppendTime"


def test_partition_counts_that_must_be_equal_are():
    topics = catalogue()
    assert topics["predictions"].partitions == topics["labels"].partitions
    assert topics["profiles"].partitions == topics["states"].partitions


def test_dead_letters_take_the_largest_source_record_and_64_kb():
    """H15"""
    topics = catalogue()
    largest = max(int(topics[name].config["max.message.bytes"]) for name in ("predictions", "labels"))
    assert int(topics["dead-letters"].config["max.message.bytes"]) >= largest + 64 * 1024


def test_sources_outlive_the_label_join():
    """H13"""
    for name in ("predictions", "labels"):
        assert int(catalogue()[name].config["retention.ms"]) > (30 + 7) * 86_400_000


def test_profiles_and_progress_are_kept_for_two_days_only():
    """H17: every writer adds to them every second, for ever."""
    config = catalogue()["profiles"].config
    assert (config["cleanup.policy"], int(config["retention.ms"])) == ("delete", 48 * 3_600_000)


@pytest.mark.parametrize("event", EVENTS)
def test_every_example_decodes_to_its_event(event):
    examples = sorted((folder() / "examples" / event).glob("*.json"))
    assert examples, f"schemas/examples/{event} is empty"
    for path in examples:
        plain = as_bytes(json.loads(path.read_text(encoding="utf-8")), {"type": "record", **avro_schema(event)})
        fastavro.validate(plain, fastavro.parse_schema(dict(avro_schema(event))), strict=True)
        value = codec._builder(getattr(events, event))(plain)
        assert codec.decode(codec.encode(value)) == value


def test_no_example_without_a_schema():
    assert {path.name for path in (folder() / "examples").iterdir()} == set(EVENTS)


PRIMITIVES = {"string": str, "long": int, "int": int, "double": float, "boolean": bool, "bytes": bytes, "null": type(None)}


def agrees(hint, schema) -> bool:
    if isinstance(schema, list):
        return set(typing.get_args(hint)) == {PRIMITIVES[name] for name in schema}
    if isinstance(schema, str):  # by name: a record that stands further up in the schema
        name = schema.removeprefix("io.driftline.")
        return hint is (getattr(events, name) if name in events.NESTED else PRIMITIVES[schema])
    if schema["type"] == "array":
        return typing.get_origin(hint) is tuple and agrees(typing.get_args(hint)[0], schema["items"])
    if schema["type"] == "map":
        return typing.get_origin(hint) is Mapping and agrees(typing.get_args(hint)[1], schema["values"])
    if schema["type"] == "enum":
        return issubclass(hint, StrEnum) and [symbol.value for symbol in hint] == schema["symbols"]
    return schema["name"] in events.NESTED and hint is getattr(events, schema["name"]) and record_agrees(hint, schema)


def default_of(field):
    """Avro has lists where Python has tuples."""
    value = field["default"]
    return tuple(value) if isinstance(value, list) else value


def record_agrees(record, schema) -> bool:
    hints = typing.get_type_hints(record)
    defaults = {f.name: f.default for f in fields(record) if f.default is not MISSING}
    assert list(hints) == [f["name"] for f in schema["fields"]], schema["name"]
    assert defaults == {f["name"]: default_of(f) for f in schema["fields"] if "default" in f}, schema["name"]
    assert all(f["doc"] for f in schema["fields"])
    return all(agrees(hints[f["name"]], f["type"]) for f in schema["fields"])


@pytest.mark.parametrize("event", EVENTS)
def test_class_and_schema_agree_field_for_field(event):
    assert record_agrees(getattr(events, event), avro_schema(event))


def test_every_shipped_writer_schema_is_readable_with_ours():
    """Additive only: what an older release wrote can be read; see CONTRIBUTING, "Change an event"."""
    for old in retired_schemas():
        new = avro_schema(old["name"])
        known = {f["name"] for f in old["fields"]}
        for field in new["fields"]:
            assert field["name"] in known or "default" in field, f"{old['name']}.{field['name']} needs a default"


def test_a_changed_schema_keeps_its_predecessor_among_the_retired():
    """The fingerprints of the schemas in force are noted; a change must be deliberate and keep the old one readable."""
    noted = dict(
        line.split() for line in (folder() / "avro" / "fingerprints.txt").read_text(encoding="utf-8").splitlines() if line
    )
    current = {event: f"{codec.fingerprint(avro_schema(event)):016x}" for event in EVENTS}
    assert noted == current
