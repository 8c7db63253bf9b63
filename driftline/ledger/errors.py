"""What can go wrong in a ledger.

LedgerError
|- LeafMalformed         bytes that are no leaf of a known version; reading: treat as tampering
|- NoteMalformed         bytes that are no signed checkpoint; reading: treat as tampering
|- SignatureInvalid      a signature by a key that we know, but wrong; treat as tampering
|- KeyMalformed          a key file or verifier key that cannot be read; ask the user for another
|- PolicyMalformed       a policy file that cannot be read; ask the user for another
|- ProofMalformed        bytes that are no receipt, consistency proof or bundle; reading: treat as tampering
|- ProofInvalid          a proof that does not hold, or that proves something else than it says; treat as tampering
|- StaleOffsets          another writer took these partitions' records; forget the batch, read positions again
|- IdConflict            an entry without a source position repeats an id with other bytes
|- WithdrawalRefused     a legal hold, or the time that entries are kept, forbids to erase; nothing was done
|- RollbackDetected      the database lies behind what was signed before; do not start, find out why
`- LedgerUnavailable     no database, no key, not our log: nothing can be said about the entries
"""

from __future__ import annotations

from driftline.errors import DriftlineError

__all__ = [
    "IdConflict",
    "KeyMalformed",
    "LeafMalformed",
    "LedgerError",
    "LedgerUnavailable",
    "NoteMalformed",
    "PolicyMalformed",
    "ProofInvalid",
    "ProofMalformed",
    "RollbackDetected",
    "SignatureInvalid",
    "StaleOffsets",
    "WithdrawalRefused",
]


class LedgerError(DriftlineError):
    """Anything a ledger refuses."""


class LeafMalformed(LedgerError):
    """Bytes that are no leaf of a known version."""


class NoteMalformed(LedgerError):
    """Bytes that are no signed checkpoint."""


class SignatureInvalid(LedgerError):
    """No signature by the expected key, or one that does not verify."""


class KeyMalformed(LedgerError):
    """A key that cannot be read; never shows key material."""


class PolicyMalformed(LedgerError):
    """Lines that are no policy of logs, witnesses and their quorum."""


class ProofMalformed(LedgerError):
    """Bytes that are no receipt, consistency proof or bundle."""


class ProofInvalid(LedgerError):
    """A proof that does not lead to the root, or that proves something else than it says."""


class StaleOffsets(LedgerError):
    """Another writer advanced these partitions; nothing of the batch was written."""


class IdConflict(LedgerError):
    """An entry without a source position repeats an id with other bytes."""


class WithdrawalRefused(LedgerError):
    """A legal hold, or the time that entries are kept, forbids it; nothing was done."""


class RollbackDetected(LedgerError):
    """The database lies behind, or beside, what was signed before."""


class LedgerUnavailable(LedgerError):
    """Nothing can be said: database, key or log is missing."""
