"""What the topics say about models and monitors, kept in SQL."""

from services.governance.store.cache import AppliedMonitor, Store
from services.governance.store.tables import GOVERNANCE

__all__ = ["GOVERNANCE", "AppliedMonitor", "Store"]
