"""Leaf v1: bytes, hashes and strict parsing."""

from hashlib import sha256
from typing import Any

import orjson
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from driftline.ledger import leaf as lf
from driftline.ledger.errors import LeafMalformed

HASH = st.binary(min_size=32, max_size=32)
COUNT = st.integers(0, 2**53 - 1)
TEXT = st.text(max_size=40)

SOURCES = st.builds(lf.Source, TEXT, TEXT, TEXT, COUNT, COUNT, COUNT)
LEAVES = st.builds(
    lf.Leaf,
    action=TEXT,
    actor=TEXT,
    aprev=HASH,
    aseq=COUNT,
    data_hash=HASH,
    details_hash=st.none() | HASH,
    event_ts=st.none() | st.integers(-(2**53) + 1, 2**53 - 1),
    entry_id=st.binary(min_size=16, max_size=16),
    log=TEXT,
    prev=HASH,
    resource_type=TEXT,
    resource_id=TEXT,
    rprev=HASH,
    rseq=COUNT,
    seq=COUNT,
    source=st.none() | SOURCES,
    ts=COUNT,
)
PLAIN = lf.Leaf(
    action="drift.detected",
    actor="service:drift",
    aprev=bytes(32),
    aseq=0,
    data_hash=b"\x01" * 32,
    details_hash=None,
    event_ts=7,
    entry_id=b"\x02" * 16,
    log="example.com/log",
    prev=bytes(32),
    resource_type="model",
    resource_id="m",
    rprev=bytes(32),
    rseq=0,
    seq=0,
    source=lf.Source("kafka", "driftline.drift-events", "id", 0, 5, 6),
    ts=9,
)


@given(LEAVES)
def test_leaf_is_rfc_8785_and_survives_a_round_trip(leaf: lf.Leaf) -> None:
    data = lf.encode(leaf)
    assert data == rfc8785.dumps(orjson.loads(data))
    assert lf.decode(data) == leaf


def test_leaf_has_the_documented_bytes() -> None:
    zeros = "0" * 64
    assert lf.encode(PLAIN).decode() == (
        f'{{"action":"drift.detected","actor":"service:drift","aprev":"{zeros}","aseq":0,"data_hash":"{"01" * 32}",'
        f'"details_hash":null,"event_ts":7,"id":"{"02" * 16}","log":"example.com/log","prev":"{zeros}",'
        f'"resource":["model","m"],"rprev":"{zeros}","rseq":0,"seq":0,'
        '"src":["kafka","driftline.drift-events","id",0,5,6],"ts":9,"v":1}'
    )


def test_hashes_are_separated_by_their_first_byte() -> None:
    assert lf.entry_hash(b"x") == sha256(b"\x00x").digest()
    assert lf.data_hash(b"s", b"x") == sha256(b"\x02sx").digest()
    assert lf.details_hash(b"s", b"x") == sha256(b"\x03sx").digest()
    assert lf.pseudonym(b"s", "x") == "user:" + sha256(b"\x04sx").hexdigest()[:40]


@pytest.mark.parametrize(
    "change",
    [{"seq": -1}, {"ts": 2**53}, {"aseq": 2**60}, {"event_ts": 2**53}, {"actor": "\ud800"}],
)
def test_leaf_outside_the_profile_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(LeafMalformed):
        lf.encode(PLAIN._replace(**change))


def _edited(**changes: object) -> bytes:
    return orjson.dumps({**orjson.loads(lf.encode(PLAIN)), **changes}, option=orjson.OPT_SORT_KEYS)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"\xff",
        lf.encode(PLAIN) + b" ",
        lf.encode(PLAIN).replace(b'"v":1', b'"v":2'),
        lf.encode(PLAIN).replace(b'"v":1', b'"v":true'),
        lf.encode(PLAIN).replace(b'{"action"', b'{"action":"x","action"'),
        lf.encode(PLAIN).replace(b'"aseq":0', b'"aseq":0.0'),
        lf.encode(PLAIN).replace(b"\x30\x31" * 32, b"0" * 63),
        _edited(extra=1),
        _edited(seq="0"),
        _edited(seq=True),
        _edited(prev="AB" * 32),
        _edited(prev="00"),
        _edited(prev=5),
        _edited(resource=["model"]),
        _edited(resource="model"),
        _edited(src=[]),
        _edited(src=["kafka", "t", "i", 0, 5, "6"]),
        _edited(event_ts=1.5),
    ],
)
def test_anything_but_a_canonical_leaf_is_malformed(data: bytes) -> None:
    with pytest.raises(LeafMalformed):
        lf.decode(data)


@given(st.binary(max_size=300))
def test_random_bytes_never_crash_the_parser(data: bytes) -> None:
    with pytest.raises(LeafMalformed):
        lf.decode(data)


def test_entry_ids_depend_on_every_part() -> None:
    ids = {
        lf.entry_id_of_event("/drift", "1"),
        lf.entry_id_of_event("/drift1", ""),
        lf.entry_id_of_event("/alerting", "1"),
        lf.entry_id_of_position("t", 0, 1),
        lf.entry_id_of_position("t", 1, 0),
        lf.entry_id_of_position("u", 0, 1),
    }
    assert len(ids) == 6
    assert all(len(i) == 16 and i[6] >> 4 == 8 and i[8] >> 6 == 2 for i in ids)


@given(st.text(max_size=400), st.text(max_size=400))
def test_bounded_texts_fit_their_column_and_stay_apart(one: str, two: str) -> None:
    a, b = lf.bounded(one), lf.bounded(two)
    assert len(a) <= 200
    assert "\x00" not in a
    assert lf.bounded(a) == a
    if "\x00" not in one + two and a == b:
        assert one == two


def test_a_lone_surrogate_is_made_storable() -> None:
    assert lf.bounded("a\ud800b") == "a?b"
