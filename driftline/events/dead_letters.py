"""What could not be counted, with the reason and the bytes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceHeader:
    """One header of the refused message."""

    name: str
    """Header name."""
    value: bytes | None
    """Header value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message, or rows of one, that was refused."""

    source_topic: str
    """Topic it came from, or was meant for."""
    source_partition: int
    """Partition; -1 when it never reached one (HTTP)."""
    source_offset: int
    """Offset; -1 when it never had one."""
    source_time: int
    """Append time of the message, microseconds since 1970 UTC."""
    source_key: bytes | None
    """Key of the message."""
    source_value: bytes | None
    """Bytes of the message; of a batch only the refused rows."""
    source_headers: tuple[SourceHeader, ...]
    """Headers of the message."""
    model_id: str | None = None
    """Model, where it could be read."""
    reason: str
    """Reason code (docs/reference/bad-input.md)."""
    field: str | None = None
    """Field at fault."""
    detail: str
    """What is wrong and what to do, in words."""
    rows: tuple[int, ...]
    """Row numbers within the batch; empty = the whole message."""
    rejected_by: str
    """Service that refused it."""
