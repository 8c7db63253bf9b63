"""Leaf v1: the canonical bytes that an entry is hashed from, and every hash that goes into them.

A leaf is RFC 8785 JSON in a restricted profile (ASCII keys, strings, integers below 2^53, null, arrays; no
floats), so that orjson with sorted keys and any other RFC 8785 encoder give the same bytes:

    {"action","actor","aprev","aseq","data_hash","details_hash","event_ts","id","log","prev",
     "resource":[type,id],"rprev","rseq","seq","src":[cluster,topic,topic_id,partition,from,to],"ts","v":1}

    data_hash    = SHA-256(0x02 || salt || payload)      the payload is the exact bytes received
    details_hash = SHA-256(0x03 || salt || details)      null without details
    pseudonym    = "user:" + SHA-256(0x04 || salt || name)[:20] in hex
    entry_hash   = SHA-256(0x00 || leaf)                 RFC 6962 leaf hash and chain link in one

`prev` links the whole log; `aseq`/`aprev` and `rseq`/`rprev` count and link the entries of the same actor and
of the same resource, so that a trail shows by itself that nothing is missing from its middle. A first link
is 32 zero bytes. `src` is a range [from, to) of offsets: one record, or all that a digest covers; null for an
entry that no topic brought. Times are microseconds; `ts` is the ledger's clock and never decreases.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final, NamedTuple

import orjson

from driftline.ledger.errors import LeafMalformed

__all__ = [
    "GENESIS",
    "SALT_SIZE",
    "Leaf",
    "Source",
    "bounded",
    "canonical",
    "data_hash",
    "decode",
    "details_hash",
    "encode",
    "entry_hash",
    "entry_id_of_event",
    "entry_id_of_position",
    "is_service",
    "pseudonym",
]

GENESIS: Final = bytes(32)
SALT_SIZE: Final = 32
"""Of a fixed size, so that no byte of a payload can be taken for one of its salt, nor the other way round."""
MAX_INTEGER: Final = 2**53 - 1
VERSION: Final = 1
_KEYS: Final = (
    "action",
    "actor",
    "aprev",
    "aseq",
    "data_hash",
    "details_hash",
    "event_ts",
    "id",
    "log",
    "prev",
    "resource",
    "rprev",
    "rseq",
    "seq",
    "src",
    "ts",
    "v",
)
_SERVICE: Final = "service:"
_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Source:
    """Where an entry came from: offsets [start, end) of one partition of one incarnation of a topic."""

    cluster: str
    topic: str
    topic_id: str
    partition: int
    start: int
    end: int


class Leaf(NamedTuple):
    """A leaf as values; hashes are bytes, the id is 16 bytes."""

    action: str
    actor: str
    aprev: bytes
    aseq: int
    data_hash: bytes
    details_hash: bytes | None
    event_ts: int | None
    entry_id: bytes
    log: str
    prev: bytes
    resource_type: str
    resource_id: str
    rprev: bytes
    rseq: int
    seq: int
    source: Source | None
    ts: int


def canonical(value: object) -> bytes:
    """Return the canonical JSON of a value without floats; raises LeafMalformed if it has no such form."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except (TypeError, RecursionError) as error:
        msg = f"no canonical form: {error}"
        raise LeafMalformed(msg) from error


def encode(leaf: Leaf) -> bytes:
    """Return the leaf's bytes; raises LeafMalformed for an integer outside 0..2^53-1 or a lone surrogate."""
    source = leaf.source
    src = None
    numbers = [leaf.aseq, leaf.rseq, leaf.seq, leaf.ts]
    if source is not None:
        src = [source.cluster, source.topic, source.topic_id, source.partition, source.start, source.end]
        numbers += [source.partition, source.start, source.end]
    if min(numbers) < 0 or max(numbers) > MAX_INTEGER:
        msg = "an integer of the leaf is outside 0..2^53-1"
        raise LeafMalformed(msg)
    if leaf.event_ts is not None and abs(leaf.event_ts) > MAX_INTEGER:
        msg = "event_ts is outside +-(2^53-1)"
        raise LeafMalformed(msg)
    return canonical(
        {
            "action": leaf.action,
            "actor": leaf.actor,
            "aprev": leaf.aprev.hex(),
            "aseq": leaf.aseq,
            "data_hash": leaf.data_hash.hex(),
            "details_hash": None if leaf.details_hash is None else leaf.details_hash.hex(),
            "event_ts": leaf.event_ts,
            "id": leaf.entry_id.hex(),
            "log": leaf.log,
            "prev": leaf.prev.hex(),
            "resource": [leaf.resource_type, leaf.resource_id],
            "rprev": leaf.rprev.hex(),
            "rseq": leaf.rseq,
            "seq": leaf.seq,
            "src": src,
            "ts": leaf.ts,
            "v": VERSION,
        }
    )


def decode(data: bytes) -> Leaf:
    """Parse a leaf strictly: these keys, these types, canonical bytes. Raises LeafMalformed for anything else."""
    try:
        value: Any = orjson.loads(data)
    except ValueError as error:
        msg = f"the leaf is not JSON: {error}"
        raise LeafMalformed(msg) from error
    if not isinstance(value, dict) or tuple(sorted(value)) != _KEYS:
        msg = "the leaf does not have the keys of version 1"
        raise LeafMalformed(msg)
    leaf = _from_json(value)
    if encode(leaf) != data:
        msg = "the leaf is not in canonical form"
        raise LeafMalformed(msg)
    return leaf


def _from_json(value: dict[str, Any]) -> Leaf:
    if value["v"] != VERSION or isinstance(value["v"], bool):
        msg = f"leaf version {value['v']!r} is unknown"
        raise LeafMalformed(msg)
    resource = value["resource"]
    if not isinstance(resource, list) or len(resource) != 2:
        msg = "resource is not [type, id]"
        raise LeafMalformed(msg)
    details, event_ts, source = value["details_hash"], value["event_ts"], value["src"]
    return Leaf(
        action=_text(value["action"]),
        actor=_text(value["actor"]),
        aprev=_digest(value["aprev"]),
        aseq=_integer(value["aseq"]),
        data_hash=_digest(value["data_hash"]),
        details_hash=None if details is None else _digest(details),
        event_ts=None if event_ts is None else _integer(event_ts),
        entry_id=_digest(value["id"], 16),
        log=_text(value["log"]),
        prev=_digest(value["prev"]),
        resource_type=_text(resource[0]),
        resource_id=_text(resource[1]),
        rprev=_digest(value["rprev"]),
        rseq=_integer(value["rseq"]),
        seq=_integer(value["seq"]),
        source=None if source is None else _source(source),
        ts=_integer(value["ts"]),
    )


def _source(value: object) -> Source:
    if not isinstance(value, list) or len(value) != 6:
        msg = "src is not [cluster, topic, topic_id, partition, from, to]"
        raise LeafMalformed(msg)
    cluster, topic, topic_id, partition, start, end = value
    return Source(_text(cluster), _text(topic), _text(topic_id), _integer(partition), _integer(start), _integer(end))


def _text(value: object) -> str:
    if not isinstance(value, str):
        msg = f"expected a string, found {value!r}"
        raise LeafMalformed(msg)
    return value


def _integer(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        msg = f"expected an integer, found {value!r}"
        raise LeafMalformed(msg)
    return value


def _digest(value: object, size: int = 32) -> bytes:
    try:
        raw = bytes.fromhex(_text(value))
    except ValueError as error:
        msg = f"not hexadecimal: {value!r}"
        raise LeafMalformed(msg) from error
    if len(raw) != size:
        msg = f"expected {size} bytes, found {len(raw)}"
        raise LeafMalformed(msg)
    return raw


def entry_hash(leaf: bytes) -> bytes:
    """Return the RFC 6962 leaf hash, which is also the link to the next entry."""
    return sha256(b"\x00" + leaf).digest()


def data_hash(salt: bytes, payload: bytes) -> bytes:
    """Return the commitment to a payload; hiding while the salt is secret."""
    return sha256(b"\x02" + salt + payload).digest()


def details_hash(salt: bytes, details: bytes) -> bytes:
    """Return the commitment to the details."""
    return sha256(b"\x03" + salt + details).digest()


def is_service(name: str) -> bool:
    """Tell whether an actor is a part of the system, which needs no pseudonym."""
    return name.startswith(_SERVICE)


def pseudonym(salt: bytes, name: str) -> str:
    """Return the name of a person in the leaf: a commitment, so the table of names cannot be rewired."""
    return "user:" + sha256(b"\x04" + salt + name.encode()).hexdigest()[:40]


def entry_id_of_event(ce_source: str, ce_id: str) -> bytes:
    """Return the 16-byte id of an event by its CloudEvents source and id (a UUID of version 8)."""
    source = ce_source.encode()
    return _uuid8(b"event" + len(source).to_bytes(4) + source + ce_id.encode())


def entry_id_of_position(topic_id: str, partition: int, offset: int) -> bytes:
    """Return the 16-byte id of a record that carries none of its own (a UUID of version 8)."""
    return _uuid8(f"position\n{topic_id}\n{partition}\n{offset}".encode())


def _uuid8(name: bytes) -> bytes:
    raw = bytearray(sha256(name).digest()[:16])
    raw[6] = raw[6] & 0x0F | 0x80
    raw[8] = raw[8] & 0x3F | 0x80
    return bytes(raw)


@lru_cache(maxsize=4_096)
def bounded(text: str) -> str:
    """Make a text fit for an indexed column of any database: no NUL, at most 200 characters.

    A longer one keeps its beginning and ends in `~` and 32 hex digits of its SHA-256, so that two stay two.
    """
    if len(text) <= _LONGEST and text.isascii() and "\x00" not in text:
        return text
    clean = text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
    if len(clean) <= _LONGEST:
        return clean
    return clean[: _LONGEST - 33] + "~" + sha256(clean.encode()).hexdigest()[:32]
