"""driftline.codec: single-object encoding."""

import io

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline import codec
from driftline.errors import InvalidRecord, Reason, UnknownSchema
from driftline.events import Label, Measure, Prediction
from driftline.schemas import avro_schema
from tests.unit.alerting.response.builders import report

LABEL = Label(model_id="m", prediction_id="p", label_time=1, label="yes")


def test_fingerprint_is_the_one_of_the_specification():
    """Avro 1.12, "Schema Fingerprints": CRC-64-AVRO of "int" in the specification's test data."""
    assert codec.fingerprint({"type": "int"}) == 0x7275D51A3F395C8F


def test_header_is_magic_and_little_endian_fingerprint():
    number = codec.fingerprint(avro_schema("Label"))
    assert codec.encode(LABEL)[:10] == b"\xc3\x01" + number.to_bytes(8, "little")


@given(
    st.dictionaries(st.text(max_size=8), st.none() | st.floats(allow_nan=False) | st.text(max_size=8)),
    st.none() | st.floats(0, 1),
    st.none() | st.text() | st.floats(allow_nan=False),
)
def test_decode_gives_back_what_was_encoded(features, score, prediction):
    event = Prediction(
        model_id="m", model_version="1", prediction_id="p", event_time=-5, prediction=prediction, score=score, features=features
    )
    assert codec.decode(codec.encode(event)) == event


@pytest.mark.parametrize("data", [b"", b"\xc3\x01", b"\x00\x00\x00\x00\x01body", b"{}" * 20])
def test_what_is_not_single_object_encoding_is_malformed(data):
    with pytest.raises(InvalidRecord) as refused:
        codec.decode(data)
    assert refused.value.reason is Reason.MALFORMED_AVRO


def test_unknown_fingerprint_is_named():
    with pytest.raises(UnknownSchema, match="0706050403020100"):
        codec.decode(codec.MAGIC + bytes(range(8)) + b"x")


@given(st.binary(max_size=60))
def test_a_body_of_garbage_never_does_more_than_be_refused(body):
    try:
        codec.decode(codec.header(avro_schema("Prediction")) + body)
    except InvalidRecord as refused:
        assert refused.reason is Reason.MALFORMED_AVRO


def test_bytes_after_the_body_are_refused():
    with pytest.raises(InvalidRecord, match="1 bytes follow"):
        codec.decode(codec.encode(LABEL) + b"\x00")


def test_an_older_writer_is_resolved_to_our_schema():
    older = {
        **avro_schema("Prediction"),
        "fields": [f for f in avro_schema("Prediction")["fields"] if f["name"] != "latency_ms"],
    }
    schemas = codec.Schemas()
    schemas.add(older)
    out = io.BytesIO()
    plain = {"model_id": "m", "model_version": "1", "prediction_id": "p", "event_time": 1, "features": {"a": 1.0}}
    fastavro.schemaless_writer(out, fastavro.parse_schema(older), plain)
    event = schemas.decode(codec.header(older) + out.getvalue())
    assert event.features == {"a": 1.0}
    assert event.latency_ms is None


def test_a_foreign_record_is_no_event():
    foreign = {"type": "record", "name": "Foreign", "fields": []}
    schemas = codec.Schemas()
    schemas.add(foreign)
    with pytest.raises(InvalidRecord) as refused:
        schemas.decode(codec.header(foreign))
    assert refused.value.reason is Reason.UNEXPECTED_EVENT


def test_the_first_fields_of_an_event_are_read_without_what_stands_behind_them():
    data = codec.encode(LABEL)
    cut = data[: data.index(b"p") + 1]
    assert codec.leading(cut, "prediction_id") == {"model_id": "m", "prediction_id": "p"}
    assert codec.leading(data, "no such field") == {}
    with pytest.raises(InvalidRecord):
        codec.leading(cut, "label_time")


def test_items_that_nobody_wants_are_left_out():
    measures = tuple(Measure(family="feature", name=name, column=name) for name in ("psi", "ks", "psi"))
    data = codec.encode(report(measures=measures))
    assert codec.decode(data, {"measures": lambda one: one["name"] == "psi"}) == report(measures=measures[::2])
    assert codec.decode(data, {}) == codec.decode(data) == report(measures=measures)
