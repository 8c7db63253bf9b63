"""driftline.envelope: CloudEvents in Kafka headers."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from driftline.envelope import Envelope, deterministic_id, identity, iso_time, read, time_of

ENVELOPE = Envelope(id="1", type="DriftDetected", source="/drift", time_us=1_362_114_900_000_001, subject="m", actor="user:ada")


def test_read_gives_back_what_headers_wrote():
    assert read(ENVELOPE.headers()) == ENVELOPE


def test_headers_follow_the_kafka_binding_of_cloudevents():
    headers = dict(ENVELOPE.headers())
    assert headers["ce_specversion"] == b"1.0"
    assert headers["ce_type"] == b"io.driftline.DriftDetected"
    assert headers["ce_time"] == b"2013-03-01T05:15:00.000001Z"
    assert headers["content-type"] == b"application/avro"


@pytest.mark.parametrize(
    "headers", [None, [], [("ce_id", b"1")], [("ce_source", b"/x")], [("ce_id", None), ("ce_source", b"x")]]
)
def test_a_message_without_id_or_source_has_no_envelope(headers):
    assert read(headers) is None


@pytest.mark.parametrize(
    "headers",
    [
        None,
        [],
        [("ce_id", b"1")],
        [("ce_source", b"/x")],
        [("ce_id", None), ("ce_source", b"x")],
        [("ce_id", b"\xff"), ("ce_source", "/x")],
        [("ce_id", b"1"), ("ce_source", b"/x"), ("ce_id", b"2"), ("ce_source", None)],
        ENVELOPE.headers(),
    ],
)
def test_identity_is_that_of_the_whole_envelope(headers):
    envelope = read(headers)
    assert identity(headers) == (None if envelope is None else (envelope.source, envelope.id))


def test_unreadable_headers_do_not_hurt():
    envelope = read([("ce_id", b"\xff"), ("ce_source", "/x"), ("ce_time", b"yesterday")])
    assert envelope is not None
    assert envelope.time_us == 0


@given(st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999))
@example(-1)
@example(1_000_000)
def test_time_text_and_number_are_inverse(time_us):
    text = iso_time(time_us)
    assert time_of(text) == time_us
    assert (len(text), text[-1]) == (27, "Z")  # RFC 3339 with microseconds, so that texts sort as times do


def test_a_time_without_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        time_of("2013-03-01T05:15:00")


def test_deterministic_id_depends_on_every_part_and_its_border():
    assert deterministic_id("a", 1) == deterministic_id("a", "1")
    assert deterministic_id("ab", "c") != deterministic_id("a", "bc")
