"""The files of messages in an archive against the digests of a ledger."""

from __future__ import annotations

from dataclasses import dataclass, field

from driftline.ledger.entries import Query, StoredEntry
from driftline.ledger.errors import LedgerError, LedgerUnavailable, ProofInvalid, ProofMalformed
from driftline.ledger.messages import Kept, MessageProof, check_messages, file_name, prove_message, unpack_messages
from driftline.ledger.records import DIGEST
from driftline.ledger.store.objects import Objects
from driftline.ledger.store.proving import receipt_of
from driftline.ledger.store.reader import Snapshot

__all__ = ["Files", "check_files", "prove_message_at"]


@dataclass(slots=True)
class Files:
    """What became of the files of all digests: how many are right, which are not, and which are gone.

    The digests before the first file of a partition, from before it was kept or beyond its retention, are not counted as gone.
    """

    messages: int = 0
    files: int = 0
    wrong: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


def check_files(snapshot: Snapshot, objects: Objects, topic: str | None = None) -> Files:
    """Read every file, of one topic or of all, and compare it with its digest. Raises LedgerUnavailable for an archive that is away."""
    result, begun = Files(), set()
    for entry in snapshot.entries(Query(action=DIGEST, limit=None)):
        source = entry.source
        if source is None or topic not in {None, source.topic}:
            continue
        place = (source.topic_id, source.partition)
        try:
            messages = _messages(entry, objects)
        except _FileMissingError:
            if place in begun:
                result.missing.append(file_name(source))
            continue
        except LedgerUnavailable:
            raise
        except LedgerError as error:
            result.wrong[file_name(source)] = str(error)
        else:
            result.messages += len(messages)
            result.files += 1
        begun.add(place)
    return result


def prove_message_at(snapshot: Snapshot, objects: Objects, topic: str, partition: int, offset: int) -> MessageProof:
    """Return the proof of a message, of the newest topic of that name.

    Raises LookupError for an offset that no digest covers or that holds no committed message, LedgerUnavailable without its file,
    ProofInvalid for a file that is not that of the digest.
    """
    wanted = Query(action=DIGEST, resource=("partition", f"{topic}/{partition}"), newest_first=True, limit=None)
    for entry in snapshot.entries(wanted):
        source = entry.source
        if source is not None and source.start <= offset < source.end:
            return prove_message(_messages(entry, objects), offset, receipt_of(snapshot, entry, payload=True))
    raise LookupError(f"no digest covers the offset {offset} of {topic}/{partition}")


def _messages(entry: StoredEntry, objects: Objects) -> list[Kept]:
    if entry.source is None:
        raise ProofMalformed(f"the digest {entry.seq} has no source")
    name = file_name(entry.source)
    data = objects.get(name)
    if data is None:
        raise _FileMissingError(f"there is no file {name} in the archive")
    try:
        messages = unpack_messages(data)
        check_messages(messages, entry.source, entry.payload or b"")
    except LedgerError as error:
        raise ProofInvalid(f"{name}: {error}") from error
    return messages


class _FileMissingError(LedgerUnavailable):
    """The archive can be read, and the file of a digest is not in it."""
