"""What the join remembers, on a local disk, so that a start need not read the topics for it.

Only a cache: the topics are the truth. It holds the rows that the memory was made of, in blocks that say which offsets
they cover, written after those were committed. A start takes in what fits to topics, monitors and committed offsets, and
reads the topics from there; whatever does not fit is dropped, with a sentence in the log.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import structlog

from driftline.drift.labels.packed import Malformed
from driftline.topics import name as topic_name
from services.drift.join.segments import Foreign, Segments
from services.drift.join.stored import Block, Rows, Stamp, Streams, expires, from_bytes, to_bytes

__all__ = ["JoinCache"]

FORMAT = 1
"""Changes when rows are judged, stored or remembered otherwise."""
WRITE_ROWS = 20_000
WRITE_SECONDS = 600.0
"""So much of a partition is written together: what a kill loses of it is read from the topics again."""
_KEY_BYTES = 16
_LOG = structlog.get_logger("driftline.drift.join")


@dataclass(slots=True)
class _Partition:
    """A partition that was taken over: its files, and what is committed and not written yet."""

    files: Segments
    written: tuple[int, int] = (0, 0)
    """Next offsets of predictions and labels after what the files hold."""
    end: Stamp | None = None
    rows: Rows = field(default_factory=Rows)
    since: float | None = None


class JoinCache:
    """The folder of one instance, with a folder for each partition. One thread only."""

    def __init__(self, folder: Path | None, topic_ids: Mapping[str, str], *, write_rows: int = WRITE_ROWS) -> None:
        """Without a folder nothing is kept. `topic_ids` of both source topics: one that is made anew begins at 0 again."""
        self._folder = folder
        self._write_rows = write_rows
        self.key = secrets.token_bytes(_KEY_BYTES) if folder is None else _key_in(folder)
        """That of the hashed ids: as long-lived as what is hashed with it."""
        key = blake2b(key=self.key, digest_size=8).hexdigest()
        self._identity = json.dumps({"format": FORMAT, "topics": dict(topic_ids), "key": key}, sort_keys=True)
        self._open: dict[int, _Partition] = {}

    def recall(self, partition: int, end: tuple[int, int], streams: Streams) -> Iterator[Block]:
        """All that was remembered of a partition, as far as it fits; `end` of predictions and labels is what is committed."""
        if self._folder is None:
            return
        files = Segments(self._folder / str(partition), self._identity)
        self._open[partition] = _Partition(files)
        last: Block | None = None
        try:
            try:
                for payload in files.frames():
                    block = from_bytes(payload, topic_name("labels"), partition, streams)
                    _check(block, last, end)
                    yield block
                    last = block
            except Malformed as error:
                _LOG.warning("the rest of the join's cache is dropped", partition=partition, because=str(error))
                files.cut()
            except Foreign as error:
                self.drop(partition, str(error))
        except OSError as error:
            self._give_up(partition, error)

    def follow(self, partition: int, begin: tuple[int, int]) -> None:
        """Take in from there on: where the last block ends, or where the topics begin if nothing is remembered."""
        if partition in self._open:
            self._open[partition].written = begin

    def drop(self, partition: int, because: str) -> None:
        """Forget a partition, and say why."""
        _LOG.warning("the join's cache is dropped", partition=partition, because=because)
        try:
            self._open[partition].files.clear()
        except OSError as error:
            self._give_up(partition, error)

    def note(self, partition: int, end: Stamp, rows: Rows, streams: Streams, now: float) -> None:
        """Take in what was committed up to a stamp; it is written once it is much or has waited long. `now` in seconds."""
        held = self._open.get(partition)
        if held is None:
            return
        held.end = end
        held.rows.extend(rows)
        held.since = now if held.since is None else held.since
        if len(held.rows) >= self._write_rows or now - held.since >= WRITE_SECONDS:
            self._write(partition, held, streams)

    def close(self, streams: Streams) -> None:
        """Write what is committed, and let go of all partitions."""
        for partition, held in list(self._open.items()):
            self._write(partition, held, streams)
            held.files.close()
        self._open.clear()

    def _write(self, partition: int, held: _Partition, streams: Streams) -> None:
        held.since = None
        if held.end is None or (held.end.predictions, held.end.labels) == held.written:
            return
        block = Block(held.written, held.end, held.rows)
        try:
            held.files.append(to_bytes(block, streams), expires(held.rows))
            held.files.forget(min(held.end.predictions_at, held.end.labels_at))
        except OSError as error:
            self._give_up(partition, error)
            return
        held.written = held.end.predictions, held.end.labels
        held.rows = Rows()

    def _give_up(self, partition: int, error: OSError) -> None:
        """Do without the disk: the next start reads more of the topics."""
        _LOG.warning("the join's cache cannot be used", partition=partition, because=str(error))
        self._open.pop(partition).files.close()


def _check(block: Block, before: Block | None, committed: tuple[int, int]) -> None:
    """Raise Malformed where a block does not follow the one before it, or says more than is committed."""
    if before is not None and block.begin != (before.end.predictions, before.end.labels):
        raise Malformed(f"a block begins at {block.begin}, not where the one before it ends, {before.end}")
    if block.end.predictions > committed[0] or block.end.labels > committed[1]:
        raise Malformed(f"a block ends at {block.end}, beyond what is committed, {committed}")


def _key_in(folder: Path) -> bytes:
    """The key in a folder, made where there is none."""
    path = folder / "key"
    folder.mkdir(parents=True, exist_ok=True)
    found = path.read_bytes() if path.exists() else b""
    if len(found) == _KEY_BYTES:
        return found
    fresh = folder / "key.new"
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(secrets.token_bytes(_KEY_BYTES))
    fresh.replace(path)
    return path.read_bytes()
