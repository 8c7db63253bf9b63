"""The ledger in a database: the one part of the ledger that touches the world.

`open_store` gives a `LedgerStore` to read with; `LedgerWriter` appends and signs.
"""

from driftline.ledger.store.reader import LedgerStore, Query, StoredEntry, open_store
from driftline.ledger.store.signed import LastSigned
from driftline.ledger.store.writer import Appended, LedgerWriter, OffsetMove, Position, open_writer

__all__ = [
    "Appended",
    "LastSigned",
    "LedgerStore",
    "LedgerWriter",
    "OffsetMove",
    "Position",
    "Query",
    "StoredEntry",
    "open_store",
    "open_writer",
]
