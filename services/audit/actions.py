"""What each event means in the ledger: action, resource, time, actor. One row per event; a new event needs a row.

Topics of high volume have none: their records become digests.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from driftline import codec, envelope, topics
from driftline.errors import InvalidRecord, UnknownSchema
from driftline.ledger.chain import Draft
from driftline.ledger.leaf import Source
from driftline.ledger.records import Record, details_of, entry_id_of

__all__ = ["DIGESTED", "LEDGERED", "MEANINGS", "Meaning", "draft_of", "event_time_of"]

DIGESTED: Final = frozenset({"predictions", "labels"})
"""Topics of which a digest per range is kept."""
_LEFT_OUT: Final = frozenset({"profiles", "states", "checkpoints"})
"""Inner workings of drift, and what the ledger itself writes."""
LEDGERED: Final = tuple(topic for topic in topics.catalogue() if topic not in _LEFT_OUT)
"""Topics that the ledger reads, by short name."""

UNREADABLE: Final = "record.unreadable"
TOMBSTONE: Final = "record.deleted"
_LONGEST_TIME: Final = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Meaning:
    """How an event reads as an entry; the others are names of its fields."""

    action: str
    resource_type: str
    resource_id: str
    time: str | None = None
    """None: when it was said, by its envelope."""
    actor: str | None = None
    """None: whom the envelope names, else the service that said it."""


MEANINGS: Final[Mapping[str, Meaning]] = {
    "ModelRegistered": Meaning("model.registered", "model", "model_id", "at", "actor"),
    "ModelVersionRegistered": Meaning("model.version_registered", "model", "model_id", "at", "actor"),
    "StageChanged": Meaning("model.stage_changed", "model", "model_id", "at", "actor"),
    "RequirementsDeclared": Meaning("compliance.required", "model", "model_id", "at", "actor"),
    "EvidenceAttested": Meaning("compliance.attested", "model", "model_id", "at", "actor"),
    "ControlEvaluated": Meaning("compliance.control_evaluated", "model", "model_id", "at"),
    "ComplianceReported": Meaning("compliance.reported", "model", "model_id", "at", "actor"),
    "Monitor": Meaning("monitor.applied", "model", "model_id", None, "actor"),
    "MonitorStatus": Meaning("monitor.status_reported", "model", "model_id", "at"),
    "CheckExecution": Meaning("check.executed", "model", "model_id", "at"),
    "Baseline": Meaning("baseline.published", "model", "model_id"),
    "WindowReport": Meaning("window.reported", "model", "model_id", "end"),
    "DriftDetected": Meaning("drift.detected", "model", "model_id", "window_end"),
    "DriftCleared": Meaning("drift.cleared", "model", "model_id", "window_end"),
    "AlertFired": Meaning("alert.fired", "alert", "alert_id", "starts_at"),
    "AlertAcknowledged": Meaning("alert.acknowledged", "alert", "alert_id", "at", "by"),
    "AlertUnacknowledged": Meaning("alert.unacknowledged", "alert", "alert_id", "at", "by"),
    "AlertEscalated": Meaning("alert.escalated", "alert", "alert_id", "at"),
    "AlertSilenced": Meaning("alert.silenced", "silence", "silence_id", "at", "by"),
    "AlertResolved": Meaning("alert.resolved", "alert", "alert_id", "ends_at"),
    "NotificationSent": Meaning("notification.sent", "alert_group", "group_key", "sent_at"),
    "NotificationFailed": Meaning("notification.failed", "alert_group", "group_key", "failed_at"),
    "NotificationSuppressed": Meaning("notification.suppressed", "alert_group", "group_key", "suppressed_at"),
    "ResponseModeChanged": Meaning("response.mode_changed", "model", "model_id", "at", "actor"),
    "ResponseStep": Meaning("response.step", "model", "model_id", "at", "actor"),
    "ServingCommand": Meaning("serving.commanded", "model", "model_id", "at", "actor"),
    "ServingObserved": Meaning("serving.observed", "model", "model_id", "at", "adapter"),
    "DeadLetter": Meaning("record.refused", "topic", "source_topic", "source_time"),
    "HealthOpened": Meaning("health.opened", "service", "source", "at"),
    "HealthCleared": Meaning("health.cleared", "service", "source", "at"),
    "SchemaRegistered": Meaning("schema.registered", "schema", "name"),
}


def draft_of(record: Record, source: Source, *, salt: bytes) -> Draft:
    """Return the entry of one record; one that cannot be read is an entry as well, of its partition."""
    action, resource_type, resource_id, event_ts, actor = _meaning_of(record, source)
    return Draft(
        entry_id=entry_id_of(source.topic_id, record),
        action=action,
        actor=actor,
        resource_type=resource_type,
        resource_id=resource_id,
        event_ts=event_ts,
        payload=record.value() or b"",
        details=details_of(record),
        salt=salt,
        source=source,
    )


def _meaning_of(record: Record, source: Source) -> tuple[str, str, str, int | None, str]:
    said = envelope.read(record.headers())
    speaker = "service:" + ((said.source.strip("/") if said else "") or "unknown")
    said_at = said.time_us if said and said.time_us else None
    partition = f"{source.topic}/{source.partition}"
    actor = (said.actor if said else None) or speaker
    value = record.value()
    if value is None:
        return TOMBSTONE, "partition", partition, said_at, actor
    try:
        event: Any = codec.decode(value)
    except (InvalidRecord, UnknownSchema):
        return UNREADABLE, "partition", partition, said_at, actor
    meaning = MEANINGS.get(type(event).__name__)
    if meaning is None:
        return UNREADABLE, "partition", partition, said_at, actor
    at = said_at if meaning.time is None else getattr(event, meaning.time)
    named = None if meaning.actor is None else getattr(event, meaning.actor)
    resource_id = str(getattr(event, meaning.resource_id))
    return meaning.action, meaning.resource_type, resource_id, event_time_of(at), named or actor


def event_time_of(time_us: int | None) -> int | None:
    """Return a time that fits into a leaf; nonsense beyond 2^53 is left out (the payload still says it)."""
    return time_us if time_us is not None and abs(time_us) <= _LONGEST_TIME else None
