"""The ledger's rows against the topics, by SQL and a plain consumer: what `verify --level source` says is not asked here."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass, field

from driftline.topics import name as topic_name
from services.audit.actions import DIGESTED, LEDGERED
from tests.chaos.playground import Playground

_RANGES = """
SELECT topic, partition, src_start, src_end FROM ledger_entry JOIN ledger_offset USING (source_id)
ORDER BY topic, partition, src_start, src_end
"""


@dataclass
class Comparison:
    """How many records there are, and which of them have no entry, or more than one."""

    single: int = 0
    """Records that want an entry each."""
    digested: int = 0
    """Records that want to be in one digest each."""
    wrong: list[str] = field(default_factory=list)


def compare(playground: Playground) -> Comparison:
    """Every committed record lies in the range of exactly one entry, and every entry's range holds a record."""
    found = Comparison()
    ranges: dict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)
    for topic, partition, start, end in playground.ledger.query(_RANGES):
        ranges[topic, partition].append((start, end))
    for topic in LEDGERED:
        offsets: dict[int, list[int]] = defaultdict(list)
        for record in playground.records(topic):
            offsets[record.partition()].append(record.offset())
        number = sum(map(len, offsets.values()))
        if topic in DIGESTED:
            found.digested += number
        else:
            found.single += number
        full = topic_name(topic)
        for partition in offsets.keys() | {p for t, p in ranges if t == full}:
            place = f"{full}/{partition}"
            found.wrong += [f"{place}: {each}" for each in _mismatches(sorted(offsets[partition]), ranges[full, partition])]
    return found


def _mismatches(offsets: list[int], ranges: list[tuple[int, int]]) -> list[str]:
    wrong = [f"{one} and {two} overlap" for one, two in itertools.pairwise(ranges) if one[1] > two[0]]
    covered = {offset for start, end in ranges for offset in range(start, end)}
    wrong += [f"offset {offset} has no entry" for offset in offsets if offset not in covered]
    held = set(offsets)
    wrong += [f"{start}..{end - 1} holds no record" for start, end in ranges if held.isdisjoint(range(start, end))]
    return wrong
