"""Read topics again up to the committed offsets, so that what a stage remembers is what they say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import structlog

from driftline.errors import Unavailable
from driftline.kafka.ports import Consumer, Message, TopicPartition

__all__ = ["RECORDS_PER_SECOND", "Seconds", "begins_before", "replay"]

RECORDS_PER_SECOND = 100_000
"""What a rebuild is announced with: a cautious figure for single predictions (batches hold many rows each)."""
_BATCH = 10_000
_WAIT_SECONDS = 0.5
_PATIENCE = 120
"""Reads without a record before giving up."""
_SAY_EVERY_SECONDS = 5.0
Positions = Mapping[TopicPartition, int]
_LOG = structlog.get_logger("driftline.drift.join")


class Seconds(Protocol):
    """A clock that only goes forward."""

    def __call__(self) -> float:
        """Seconds since any moment."""
        ...


def replay(
    consumer: Consumer,
    ends: Mapping[TopicPartition, int],
    learn: Callable[[Sequence[Message], Mapping[TopicPartition, int]], None],
    monotonic: Seconds,
    *,
    begins: Mapping[TopicPartition, int],
) -> float:
    """Give everything before these positions to `learn`, and where reading then stands; returns the seconds it took.

    It begins at `begins`, which are in the log.

    The consumer is outside of any group and is left without partitions. Raises Unavailable when the log stops short.
    """
    began = said = monotonic()
    positions = dict(begins)
    total = sum(max(0, end - positions[place]) for place, end in ends.items())
    if not total:
        return 0.0
    _LOG.info("rebuilding", offsets=total, expected_seconds=round(total / RECORDS_PER_SECOND, 1))
    consumer.assign(positions)
    quiet = read = 0
    while any(positions[place] < end for place, end in ends.items()):
        messages = consumer.consume(_BATCH, _WAIT_SECONDS)
        wanted = [m for m in messages if m.offset() < ends[TopicPartition(m.topic(), m.partition())]]
        read += len(wanted)
        positions |= consumer.positions(ends)
        learn(wanted, {place: min(positions[place], max(end, begins[place])) for place, end in ends.items()})
        quiet = 0 if messages else quiet + 1
        if quiet > _PATIENCE:
            missing = ", ".join(f"{p.topic}[{p.partition}] at {positions[p]} of {end}" for p, end in ends.items())
            raise Unavailable(f"what was committed cannot be read again: {missing}; is the broker well?")
        if monotonic() - said > _SAY_EVERY_SECONDS:
            said = monotonic()
            done = _share(begins, positions, ends)
            left = (said - began) * (1 - done) / done if done else None
            _LOG.info("rebuilding", share=round(done, 3), seconds_left=None if left is None else round(left, 1))
    consumer.assign({})
    seconds = monotonic() - began
    _LOG.info("rebuilt", records=read, seconds=round(seconds, 2))
    return seconds


def _share(begins: Positions, positions: Positions, ends: Positions) -> float:
    """How much is read: the mean of the partitions, since an offset of one may hold a thousand times as much as one of another."""
    shares = [
        min(1.0, (positions[place] - begins[place]) / (end - begins[place]))
        for place, end in ends.items()
        if end > begins[place]
    ]
    return sum(shares) / len(shares)


def begins_before(consumer: Consumer, ends: Mapping[TopicPartition, int], span_us: int) -> dict[TopicPartition, int]:
    """Where to begin so as to read all that was appended within `span_us` before the last record before each position."""
    lows = {place: consumer.watermarks(place).low for place in ends}
    times = {place: _append_time_before(consumer, place, lows[place], end) for place, end in ends.items()}
    asked = {place: time - span_us // 1000 for place, time in times.items() if time is not None}
    found = consumer.offsets_for_times(asked) if asked else {}
    return {place: min(max(lows[place], found.get(place, end)), max(lows[place], end)) for place, end in ends.items()}


def _append_time_before(consumer: Consumer, place: TopicPartition, low: int, end: int) -> int | None:
    """Append time, milliseconds, of one of the last records before a position; None if there are none."""
    back = 1
    while end > low:
        begin = max(low, end - back)
        consumer.assign({place: begin})
        for _ in range(_PATIENCE):
            messages = consumer.consume(_BATCH, _WAIT_SECONDS)
            times = [message.timestamp()[1] for message in messages if message.offset() < end]
            if times:
                consumer.assign({})
                return times[-1]
            if consumer.positions([place]).get(place, begin) >= end:
                break
        if begin == low:
            break
        back *= 16  # aborted records and markers lay there
    consumer.assign({})
    return None
