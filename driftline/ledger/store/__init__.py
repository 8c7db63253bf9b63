"""The ledger in a database: the one part of the ledger that touches the world.

`open_store` gives a `LedgerStore` to read with; `LedgerWriter` appends and signs.
"""

from driftline.ledger.store.cosigned import add_cosignatures
from driftline.ledger.store.doctor import Check, examine
from driftline.ledger.store.engine import open_engine
from driftline.ledger.store.objects import Objects, UrlObjects
from driftline.ledger.store.proving import bundle_of, growth_of, receipt_of, signed_head
from driftline.ledger.store.reader import LedgerStore, Snapshot, open_store
from driftline.ledger.store.roles import Roles, install_roles, joining
from driftline.ledger.store.schema import install_schema
from driftline.ledger.store.signed import LastSigned, cosigner_file, signed_file
from driftline.ledger.store.tables import VERSION
from driftline.ledger.store.verification import Effort, verify_store
from driftline.ledger.store.writer import Appended, LedgerWriter, OffsetMove, Position, open_writer

__all__ = [
    "VERSION",
    "Appended",
    "Check",
    "Effort",
    "LastSigned",
    "LedgerStore",
    "LedgerWriter",
    "Objects",
    "OffsetMove",
    "Position",
    "Roles",
    "Snapshot",
    "UrlObjects",
    "add_cosignatures",
    "bundle_of",
    "cosigner_file",
    "examine",
    "growth_of",
    "install_roles",
    "install_schema",
    "joining",
    "open_engine",
    "open_store",
    "open_writer",
    "receipt_of",
    "signed_file",
    "signed_head",
    "verify_store",
]
