"""The ledger in a database: the one part of the ledger that touches the world.

`open_store` gives a `LedgerStore` to read with; `LedgerWriter` appends and signs.
"""

from driftline.ledger.store.cosigned import add_cosignatures
from driftline.ledger.store.doctor import Check, examine
from driftline.ledger.store.objects import Objects, UrlObjects
from driftline.ledger.store.proving import bundle_of, growth_of, receipt_of, signed_head
from driftline.ledger.store.reader import LedgerStore, Snapshot, open_store
from driftline.ledger.store.signed import LastSigned, cosigner_file, signed_file
from driftline.ledger.store.verification import Effort, verify_store
from driftline.ledger.store.writer import Appended, LedgerWriter, OffsetMove, Position, open_writer

__all__ = [
    "Appended",
    "Check",
    "Effort",
    "LastSigned",
    "LedgerStore",
    "LedgerWriter",
    "Objects",
    "OffsetMove",
    "Position",
    "Snapshot",
    "UrlObjects",
    "add_cosignatures",
    "bundle_of",
    "cosigner_file",
    "examine",
    "growth_of",
    "open_store",
    "open_writer",
    "receipt_of",
    "signed_file",
    "signed_head",
    "verify_store",
]
