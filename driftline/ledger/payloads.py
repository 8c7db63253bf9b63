"""What payloads say: the events of Driftline among them, for people. Verification never reads a payload this way."""

from __future__ import annotations

import base64
from dataclasses import asdict
from typing import Any

import orjson

from driftline import codec
from driftline.errors import InvalidRecord, UnknownSchema

__all__ = ["event_view", "severity_of", "what_it_says"]


def severity_of(payload: bytes | None) -> str | None:
    """Return how grave an event says that it is (MINIMAL, LOW, MEDIUM, HIGH, CRITICAL); None if it does not, or is none."""
    severity = getattr(_event_of(payload), "severity", None)
    return None if severity is None else str(severity)


def event_view(payload: bytes | None) -> dict[str, Any] | None:
    """Return an event as JSON values, its name as `type`, bytes in base64; None for a payload that is none."""
    event = _event_of(payload)
    if event is None:
        return None
    return {"type": type(event).__name__, **orjson.loads(orjson.dumps(asdict(event), default=_base64))}


def what_it_says(payload: bytes | None) -> dict[str, Any]:
    """Return as JSON values what a payload says: the `event` that it is, or else the JSON that it is (`payload_json`)."""
    event = event_view(payload)
    return {"event": event, "payload_json": None if event is not None or payload is None else _json(payload)}


def _json(payload: bytes) -> Any:
    try:
        return orjson.loads(payload)
    except ValueError:
        return None


def _event_of(payload: bytes | None) -> Any:
    if payload is None or not payload.startswith(codec.MAGIC):
        return None
    try:
        return codec.decode(payload)
    except (InvalidRecord, UnknownSchema):
        return None


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
