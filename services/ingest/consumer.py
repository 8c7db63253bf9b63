"""The monitors, for requests: which versions hold for a model's rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from driftline.events import Monitor
from driftline.runtime.catalogue import Catalogue
from services.ingest import metrics

Integers = NDArray[np.int64]
TOPICS = ("baselines", "monitors")
_LATEST = np.iinfo(np.int64).max


class MonitorDirectory:
    """What is known now, for requests on one thread while another one follows the catalogue.

    Every version that was read counts: what is written after it was read is appended after it, too.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._book = catalogue.book
        self._lock = catalogue.lock
        metrics.MODELS.set_function(self._count)

    def lots(self, model_id: str, event_time: Integers) -> list[tuple[Monitor, Integers]] | None:
        """The rows (indices) that each monitor version holds for, None for a model without one that counts."""
        with self._lock:
            entries = self._book.entries(model_id)
            if not entries:
                return None
            if len(entries) == 1:  # the first version holds from the beginning
                return [(entries[0].monitor, np.arange(len(event_time)))]
            places = self._book.versions_for(model_id, event_time, np.full(len(event_time), _LATEST))
        return [(entries[place].monitor, np.flatnonzero(places == place)) for place in np.unique(places).tolist()]

    def _count(self) -> int:
        with self._lock:
            return len(self._book.model_ids())
