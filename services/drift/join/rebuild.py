"""Read topics again up to the committed offsets, so that what the join remembers is what they say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import structlog

from driftline.errors import Unavailable
from driftline.kafka.ports import Consumer, Message, TopicPartition

__all__ = ["RECORDS_PER_SECOND", "Seconds", "replay"]

RECORDS_PER_SECOND = 100_000
"""What a rebuild is announced with: a cautious figure for single predictions (batches hold many rows each)."""
_BATCH = 10_000
_WAIT_SECONDS = 0.5
_PATIENCE = 120
"""Reads without a record before giving up."""
_SAY_EVERY_SECONDS = 5.0
_LOG = structlog.get_logger("driftline.drift.join")


class Seconds(Protocol):
    """A clock that only goes forward."""

    def __call__(self) -> float:
        """Seconds since any moment."""
        ...


def replay(
    consumer: Consumer,
    ends: Mapping[TopicPartition, int],
    learn: Callable[[Sequence[Message]], None],
    monotonic: Seconds,
) -> float:
    """Give everything before these positions to `learn`, from the beginning of the log; returns the seconds it took.

    The consumer is outside of any group and is left without partitions. Raises Unavailable when the log stops short.
    """
    began = said = monotonic()
    positions = {place: consumer.watermarks(place).low for place in ends}
    total = sum(max(0, end - positions[place]) for place, end in ends.items())
    if not total:
        return 0.0
    _LOG.info("rebuilding", offsets=total, expected_seconds=round(total / RECORDS_PER_SECOND, 1))
    consumer.assign(positions)
    quiet = read = 0
    while any(positions[place] < end for place, end in ends.items()):
        messages = consumer.consume(_BATCH, _WAIT_SECONDS)
        wanted = [m for m in messages if m.offset() < ends[TopicPartition(m.topic(), m.partition())]]
        learn(wanted)
        read += len(wanted)
        positions |= consumer.positions(ends)
        quiet = 0 if messages else quiet + 1
        if quiet > _PATIENCE:
            missing = ", ".join(f"{p.topic}[{p.partition}] at {positions[p]} of {end}" for p, end in ends.items())
            raise Unavailable(f"the join cannot read what it has committed: {missing}; is the broker well?")
        if monotonic() - said > _SAY_EVERY_SECONDS:
            said = monotonic()
            done = 1 - sum(max(0, end - positions[place]) for place, end in ends.items()) / total
            left = (said - began) * (1 - done) / done if done else None
            _LOG.info("rebuilding", share=round(done, 3), seconds_left=None if left is None else round(left, 1))
    consumer.assign({})
    seconds = monotonic() - began
    _LOG.info("rebuilt", records=read, seconds=round(seconds, 2))
    return seconds
