import io
import struct

import fastavro

from driftline import codec
from driftline.avro import BatchDecoder
from driftline.errors import Reason


def record(name, *fields):
    return {"type": "record", "name": name, "fields": [{"name": n, "type": t} for n, t in fields]}


FLIGHT = record("Flight", ("id", "string"), ("delay", "double"))
LOAN = record("Loan", ("id", "string"), ("sum", "long"))


def message(schema, row):
    out = io.BytesIO(codec.header(schema))
    out.seek(0, io.SEEK_END)
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), row)
    return out.getvalue()


def flight(number):
    return message(FLIGHT, {"id": f"f{number}", "delay": float(number)})


def loan(number):
    return message(LOAN, {"id": f"l{number}", "sum": number})


def decoder(*schemas):
    return BatchDecoder({codec.fingerprint(schema): schema for schema in schemas}.get)


def test_a_batch_of_one_schema_is_one_group():
    batch = decoder(FLIGHT).decode([flight(i) for i in range(5)])

    assert [group.schema["name"] for group in batch.groups] == ["Flight"]
    assert batch.groups[0].rows.tolist() == [0, 1, 2, 3, 4]
    assert batch.groups[0].columns.row(4) == {"id": "f4", "delay": 4.0}
    assert batch.refused == ()


def test_mixed_schemas_become_groups_that_know_their_rows():
    batch = decoder(FLIGHT, LOAN).decode([flight(0), loan(1), flight(2), loan(3)])

    found = {group.schema["name"]: (group.rows.tolist(), group.columns) for group in batch.groups}
    assert found["Flight"][0] == [0, 2]
    assert found["Loan"][0] == [1, 3]
    assert found["Loan"][1].row(1) == {"id": "l3", "sum": 3}


def test_an_unknown_fingerprint_is_refused_until_its_schema_is_known():
    schemas = {codec.fingerprint(FLIGHT): FLIGHT}
    asked = BatchDecoder(schemas.get)

    first = asked.decode([flight(0), loan(1)])
    schemas[codec.fingerprint(LOAN)] = LOAN
    second = asked.decode([flight(0), loan(1)])

    assert [(m.row, m.reason) for m in first.refused] == [(1, Reason.UNKNOWN_SCHEMA)]
    assert f"{codec.fingerprint(LOAN):016x}" in first.refused[0].detail
    assert second.refused == ()


def test_what_is_not_single_object_encoding_is_malformed():
    values = [b"", b"\xc3", b"\xc3\x01short", b"\x00\x00\x00\x00\x07confluent", b'{"id": 1}', None, flight(6)]

    batch = decoder(FLIGHT).decode(values)

    assert [(m.row, m.reason) for m in batch.refused] == [(row, Reason.MALFORMED_AVRO) for row in range(6)]
    assert batch.groups[0].rows.tolist() == [6]


def test_a_batch_without_any_value_is_refused_whole():
    batch = decoder(FLIGHT).decode([None, None])

    assert batch.groups == ()
    assert [m.row for m in batch.refused] == [0, 1]
    assert decoder(FLIGHT).decode([]).refused == ()


def test_malformed_bodies_are_refused_by_their_place_in_the_batch():
    values = [loan(0), flight(1)[:-1], flight(2), loan(3) + b"\0", flight(4)]

    batch = decoder(FLIGHT, LOAN).decode(values)

    assert [(m.row, m.reason, m.detail) for m in batch.refused] == [
        (1, Reason.MALFORMED_AVRO, "the message ends inside a value"),
        (3, Reason.MALFORMED_AVRO, "bytes follow the end of the record"),
    ]


def test_every_message_is_accepted_once_or_refused_once():
    values = [flight(0), loan(1)[:-1], None, b"junk", loan(4), message(record("Other"), {})]

    batch = decoder(FLIGHT, LOAN).decode(values)

    accepted = [int(row) for group in batch.groups for row in group.rows[group.columns.ok]]
    assert sorted(accepted + [m.row for m in batch.refused]) == list(range(6))


def test_a_schema_that_the_decoder_does_not_take_is_refused_with_what_is_wrong_with_it():
    nested = record("Nested", ("x", {"type": "array", "items": {"type": "array", "items": "long"}}))

    batch = decoder(nested).decode([codec.header(nested) + b"\0"])

    assert batch.refused[0].reason is Reason.UNKNOWN_SCHEMA
    assert "cannot be used: x:" in batch.refused[0].detail


def test_the_fingerprint_is_little_endian():
    header = codec.header(FLIGHT)

    assert struct.unpack("<Q", header[2:])[0] == codec.fingerprint(FLIGHT)
    assert decoder(FLIGHT).decode([header[:2] + header[:1:-1] + flight(0)[10:]]).refused[0].reason is Reason.UNKNOWN_SCHEMA
