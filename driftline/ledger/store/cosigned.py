"""Keeping what witnesses put under the heads of a log."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import insert, select

from driftline.ledger.checkpoint import Signature
from driftline.ledger.store import tables as t
from driftline.ledger.store.engine import writing
from driftline.ledger.store.reader import LedgerStore

__all__ = ["add_cosignatures"]


def add_cosignatures(store: LedgerStore, size: int, signatures: Iterable[Signature]) -> None:
    """Keep checked cosignatures of a head that is stored; of each key the first."""
    w = t.cosignature.c
    with writing(store.engine) as connection:
        known = set(connection.scalars(select(w.cosigner).where(w.size == size)))
        for signature in signatures:
            cosigner = f"{signature.name}+{signature.key_id.hex()}"
            if cosigner not in known:
                known.add(cosigner)
                connection.execute(insert(t.cosignature).values(size=size, cosigner=cosigner, line=signature.line()))
