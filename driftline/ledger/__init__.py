"""A tamper-evident ledger: hash chain and RFC 6962 tree in one, signed C2SP checkpoints, proofs, verification.

Everything here is pure but `driftline.ledger.store`, which keeps a ledger in a database. Its door for people without Kafka
is here: `from driftline.ledger import HashChainAuditLogger`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from driftline.ledger.store.audit_logger import AuditEntry, HashChainAuditLogger, get_audit_logger

__all__ = ["AuditEntry", "HashChainAuditLogger", "get_audit_logger"]


def __getattr__(name: str) -> Any:
    """Load the store when its door is asked for: most of this package is needed without a database."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from driftline.ledger.store import audit_logger
    except ModuleNotFoundError as missing:
        raise ImportError(f"the ledger needs the package {missing.name!r}: pip install 'driftline[ledger]'") from missing
    return getattr(audit_logger, name)
