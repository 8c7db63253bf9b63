"""What stage 1 of drift hands to stage 2."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTime:
    """Largest event time of a model seen in one source partition."""

    topic: str
    """predictions or labels."""
    partition: int
    """Source partition."""
    event_time: int
    """Largest event time (labels: label time), microseconds."""


class Part(StrEnum):
    """Symbols of Part in the schemas."""

    INPUTS = "INPUTS"
    IN_TIME = "IN_TIME"
    LATER = "LATER"
    SAMPLE = "SAMPLE"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaneProfile:
    """Counts of one slice and pane."""

    part: Part
    """INPUTS: rows of predictions. IN_TIME, LATER: label pairs by delay. SAMPLE: some of the rows of INPUTS."""
    slice: str
    """Slice, "" = all rows."""
    pane: int
    """Start of the pane, microseconds."""
    rows: int
    """Rows (pairs; signed); 0 for SAMPLE."""
    cells: bytes
    """Sparse signed counts by cell of the layout. SAMPLE: uint64 hashes of ids, then float32 values row by row, little-endian."""
    sums: bytes
    """float64 little-endian sums of the layout."""
    metrics: bytes | None = None
    """Partials of the SQL metrics; null where there are none."""


class Group(StrEnum):
    """Symbols of Group, ProgressGroup in the schemas."""

    PROFILE = "PROFILE"
    JOIN = "JOIN"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileSet:
    """Everything one transaction of stage 1 counted for one model version."""

    model_id: str
    """Model."""
    model_version: str
    """Model version."""
    monitor_version: int
    """Monitor version that shaped the counts."""
    layout: str
    """Hash of the layout of cells and sums."""
    group: Group
    """Consumer group that counted."""
    writer: str
    """Instance that counted."""
    times: tuple[SourceTime, ...]
    """Largest event time per source partition in this transaction."""
    panes: tuple[PaneProfile, ...]
    """Counts; may be empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRange:
    """Source positions that a transaction covers."""

    topic: str
    """Source topic."""
    topic_id: str
    """Id of the topic, so that a recreated one does not collide."""
    partition: int
    """Source partition."""
    from_offset: int
    """Position before, inclusive."""
    to_offset: int
    """Position after, exclusive."""
    caught_up: bool
    """Position had reached the end of the log, open transactions included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Last record of every stage 1 transaction in each partition of profiles."""

    group: Group
    """Consumer group."""
    writer: str
    """Instance."""
    ranges: tuple[SourceRange, ...]
    """Every source partition of the writer."""
    profile_sets: int
    """ProfileSets of this transaction in this partition of profiles."""
    commit_interval_us: int
    """How often the writer commits at present."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateEntry:
    """One piece of what stage 2 remembers; stage 2 alone reads it."""

    kind: str
    """pane, clock, range, detector, episode, revision, ..."""
    body: bytes
    """JSON of the state."""
