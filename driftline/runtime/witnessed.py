"""What witnesses vouch for, from wherever their cosignatures can be had: the database, the anchors, and the witnesses themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final, Protocol

from driftline.errors import Unavailable
from driftline.ledger.checkpoint import VerifierKey
from driftline.ledger.heads import SignedHead
from driftline.ledger.policy import Policy
from driftline.ledger.report import Witnessed
from driftline.ledger.store import LedgerStore
from driftline.ledger.store.anchors import anchored_notes
from driftline.ledger.store.objects import Objects
from driftline.ledger.witnessed import FoundNote, check_witnessed
from driftline.runtime.witness_client import Answer

__all__ = ["cosigned_heads"]

_STORED: Final = 1_000
"""So many of the newest cosigned heads in the database are looked at."""


class AskedForHead(Protocol):
    """The part of `WitnessClient` that is needed."""

    def head(self, origin: str) -> Answer:
        """Ask for the largest head of a log that it cosigned; raises Unavailable."""
        ...


def cosigned_heads(
    store: LedgerStore,
    key: VerifierKey,
    policy: Policy,
    clients: Mapping[str, AskedForHead],
    *,
    anchors: Objects | None = None,
) -> tuple[Witnessed, list[SignedHead]]:
    """Return what the witnesses of a policy vouch for, and every head that the entries must be those of.

    `clients`: by the name of the witness; who has none, or is away, is named in `unchecked`. Raises LedgerUnavailable.
    """
    with store.snapshot() as snapshot:
        found = [FoundNote(note, "database") for note in islice(snapshot.cosigned_notes(), _STORED)]
    if anchors is not None:
        found += anchored_notes(anchors, store.origin)
    unchecked: list[str] = []
    found += _asked(policy, clients, store.origin, unchecked)
    return check_witnessed(found, policy=policy, key=key, unchecked=unchecked)


def _asked(policy: Policy, clients: Mapping[str, AskedForHead], origin: str, unchecked: list[str]) -> Iterator[FoundNote]:
    """Ask each witness for the largest head that it knows: nobody who holds the ledger can take that back."""
    for witness in policy.witnesses:
        client = clients.get(witness.name)
        if client is None:
            unchecked.append(f"witness {witness.name}: not asked itself, the policy has no URL of it")
            continue
        try:
            answer = client.head(origin)
        except Unavailable as error:
            unchecked.append(f"witness {witness.name}: {error}")
            continue
        if answer.code == 200:
            yield FoundNote(answer.text, f"witness {witness.name}")
        else:
            unchecked.append(f"witness {witness.name}: it answers {answer.code} when asked for its newest head")
