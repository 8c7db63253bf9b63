"""The envelope of an event: CloudEvents 1.0 in binary mode, as Kafka headers (CloudEvents Kafka binding 1.0.2, section 3.2)."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from driftline.codec import CONTENT_TYPE

TYPE_PREFIX = "io.driftline."
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Headers = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Who says what, when, about whom."""

    id: str
    """Unique within `source`; a repeat of the same event has the same id."""
    type: str
    """Name of the event, such as DriftDetected."""
    source: str
    """Service that said so, such as /drift."""
    time_us: int
    """When it was said, microseconds since 1970 UTC."""
    subject: str | None = None
    """What it is about: a model, an alert."""
    actor: str | None = None
    """Who caused it, where that was a person or a token."""

    def headers(self) -> Headers:
        """As Kafka headers, content type included."""
        pairs = [
            ("ce_specversion", "1.0"),
            ("ce_id", self.id),
            ("ce_type", TYPE_PREFIX + self.type),
            ("ce_source", self.source),
            ("ce_time", iso_time(self.time_us)),
            ("ce_subject", self.subject),
            ("ce_actor", self.actor),
            ("content-type", CONTENT_TYPE),
        ]
        return [(name, value.encode()) for name, value in pairs if value is not None]


def iso_time(time_us: int) -> str:
    """RFC 3339 text of a time in microseconds since 1970 UTC."""
    second, rest = divmod(time_us, 1_000_000)
    return f"{_whole_second(second)}.{rest:06}Z"


def moment(time_us: int) -> str:
    """RFC 3339 text of a time to the second, for sentences."""
    return f"{_whole_second(time_us // 1_000_000)}Z"


@lru_cache(maxsize=1024)
def _whole_second(second: int) -> str:
    """Text of a second since 1970 UTC; remembered, because times that are written together lie close together."""
    return (_EPOCH + timedelta(seconds=second)).replace(tzinfo=None).isoformat()


def time_of(text: str) -> int:
    """Microseconds since 1970 UTC of an RFC 3339 text. Raises ValueError where it is none or has no zone."""
    moment = _parsed(text)
    if moment.tzinfo is None:
        message = f"{text!r} has no time zone; write it as 2013-03-01T05:15:00Z"
        raise ValueError(message)
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment_of(text: str) -> int:
    """Microseconds since 1970 UTC of an ISO 8601 text; what names no zone is UTC. Raises ValueError that shows how to write it."""
    moment = _parsed(text)
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // timedelta(microseconds=1)


def _parsed(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f'{text!r} is no time; write ISO 8601 such as "2026-03-01T12:00:00Z"') from None


def deterministic_id(*parts: str | int) -> str:
    """An id that the same parts always give (UUID 5), so that a repeated event is recognised."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "driftline:" + "\x1f".join(map(str, parts))))


def read(headers: Sequence[tuple[str, str | bytes | None]] | None) -> Envelope | None:
    """The envelope in a message's headers; None where the message carries none. Unreadable parts are left empty."""
    found = dict(_texts(headers or ()))
    if "ce_id" not in found or "ce_source" not in found:
        return None
    return Envelope(
        id=found["ce_id"],
        type=found.get("ce_type", "").removeprefix(TYPE_PREFIX),
        source=found["ce_source"],
        time_us=_time_or_zero(found.get("ce_time", "")),
        subject=found.get("ce_subject"),
        actor=found.get("ce_actor"),
    )


def identity(headers: Iterable[tuple[str, str | bytes | None]] | None) -> tuple[str, str] | None:
    """Source and id of the envelope in a message's headers, None where it carries none: of `read`, what a ledger needs."""
    source = event_id = None
    for name, value in headers or ():
        if value is not None and name in {"ce_source", "ce_id"}:
            text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
            source, event_id = (text, event_id) if name == "ce_source" else (source, text)
    return None if source is None or event_id is None else (source, event_id)


def _texts(
    headers: Iterable[tuple[str, str | bytes | None]],
) -> Iterable[tuple[str, str]]:
    for name, value in headers:
        if isinstance(value, bytes):
            yield name, value.decode("utf-8", "replace")
        elif value is not None:
            yield name, value


def _time_or_zero(text: str) -> int:
    try:
        return time_of(text)
    except ValueError:
        return 0
