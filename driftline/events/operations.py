"""How Driftline itself is."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthOpened:
    """Something is wrong with a service or a stream."""

    source: str
    """Service."""
    subject: str
    """What is concerned: a partition, a model, a channel."""
    kind: str
    """stalled_partition, ledger_corrupt, channel_failing, ..."""
    severity: str
    """LOW, MEDIUM, HIGH or CRITICAL."""
    detail: str
    """What is wrong and what to do."""
    labels: Mapping[str, str]
    """Identity."""
    at: int
    """When, microseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCleared:
    """It is well again."""

    source: str
    """Service."""
    subject: str
    """What was concerned."""
    kind: str
    """As it was opened."""
    labels: Mapping[str, str]
    """Identity."""
    at: int
    """When, microseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaRegistered:
    """A writer schema, by its fingerprint."""

    fingerprint: str
    """CRC-64-AVRO of the canonical form, 16 hex digits, as in the message header read little-endian."""
    name: str
    """Full name of the record."""
    schema: str
    """The schema as JSON."""
    sha256: str
    """SHA-256 of that JSON, hex."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointSigned:
    """Signed head of a ledger."""

    log_id: str
    """Ledger."""
    size: int
    """Entries it covers."""
    root: str
    """Merkle root, base64."""
    note: str
    """C2SP signed note."""
    at: int
    """When, microseconds."""
