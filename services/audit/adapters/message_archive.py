"""Keeps what is digested: a file for each digest, written and read back before the digest is recorded."""

from collections.abc import Sequence

from driftline.kafka.ports import Message
from driftline.ledger.leaf import Source
from driftline.ledger.messages import file_name, kept_of, pack_messages
from driftline.ledger.store import Objects
from driftline.ledger.store.objects import put_once
from services.audit import metrics


class MessageArchive:
    """Called with the range and the messages of a digest; raises LedgerUnavailable if they cannot be kept."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def __call__(self, source: Source, messages: Sequence[Message]) -> None:
        """Write the file of a digest."""
        data = pack_messages(source, map(kept_of, messages))
        put_once(self._objects, file_name(source), data)
        metrics.MESSAGES_KEPT.inc(len(messages))
        metrics.MESSAGE_BYTES_KEPT.inc(len(data))
