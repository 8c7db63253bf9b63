"""`deduplicate: id`: an event whose id was appended within the hour before is a repeat, refused as `duplicate_id`.

The one memory that stage profile has, and only of models whose monitor asks for it. It is a function of the hour before
the committed offset, which a start reads again.
"""

from __future__ import annotations

import dataclasses
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from driftline.drift.labels import hash_ids
from driftline.drift.labels.recent import RecentIds
from driftline.errors import Reason
from driftline.events import Deduplicate
from driftline.kafka.ports import Consumer, Message, TopicPartition
from services.drift.stage1.judgement import Judged, Judgement
from services.drift.stage1.predictions import PredictionReader
from services.drift.stage1.rebuild import Seconds, begins_before, replay

__all__ = ["CLOCK_SLACK_US", "WINDOW_US", "Duplicates"]

WINDOW_US = 3_600_000_000
"""Of append time."""
CLOCK_SLACK_US = 300_000_000
"""By so much a broker's clock may be set back without a start knowing less than its forerunner."""


class Duplicates:
    """What came within the last hour, by partition and model."""

    def __init__(
        self,
        reader: PredictionReader,
        rebuild: Callable[[], Consumer],
        *,
        key: bytes,
        monotonic: Seconds = time.monotonic,
    ) -> None:
        """`rebuild` gives a consumer outside of any group; `key` is that of the hashed ids, any secret bytes."""
        self._reader = reader
        self._rebuild = rebuild
        self._key = key
        self._monotonic = monotonic
        self.forget()

    def forget(self) -> None:
        """Remember nothing."""
        self._recent: dict[tuple[int, str], RecentIds] = defaultdict(lambda: RecentIds(WINDOW_US, CLOCK_SLACK_US))

    def relearn(self, starts: Mapping[TopicPartition, int]) -> None:
        """Read the hour before these offsets again, if any monitor asks for it. The catalogue has been refreshed."""
        self.forget()
        if not starts or not self._reader.deduplicates:
            return
        consumer = self._rebuild()
        begins = begins_before(consumer, starts, WINDOW_US + CLOCK_SLACK_US)
        replay(consumer, starts, self._learn, self._monotonic, begins=begins)
        consumer.close()

    def _learn(self, messages: Sequence[Message], _: object) -> None:
        self.refuse(self._reader.read(messages))

    def refuse(self, judgement: Judgement[Judged]) -> None:
        """Take repeats out of what was accepted, and refuse them."""
        models: dict[str, list[int]] = defaultdict(list)
        for place, each in enumerate(judgement.judged):
            if each.monitor.deduplicate is Deduplicate.ID:
                models[each.monitor.model_id].append(place)
        for model_id, places in models.items():
            lots = [judgement.judged[place] for place in places]
            for place, lot, again in zip(places, lots, self._repeated(model_id, lots), strict=True):
                if again.any():
                    lot.chunk.refuse(lot.chosen[again], Reason.DUPLICATE_ID, "prediction_id", model_id, judgement)
                    judgement.judged[place] = dataclasses.replace(lot, chosen=lot.chosen[~again])
        judgement.judged[:] = [each for each in judgement.judged if len(each.chosen)]

    def _repeated(self, model_id: str, lots: Sequence[Judged]) -> list[NDArray[np.bool_]]:
        """By lot and chosen row: whether its id came within the hour before, in the order of offsets."""
        partition = np.concatenate([lot.partition[lot.chosen] for lot in lots])
        message = np.concatenate([lot.message[lot.chosen] for lot in lots])
        row = np.concatenate([lot.chosen for lot in lots])
        appended = np.concatenate([lot.rows.append_time[lot.chosen] for lot in lots])
        keys = hash_ids((each for lot in lots for each in lot.rows.prediction_id.pieces(lot.chosen)), self._key)
        again = np.zeros(len(row), np.bool_)
        order = np.lexsort((row, message, partition))
        for part in np.split(order, np.flatnonzero(np.diff(partition[order])) + 1):
            recent = self._recent[int(partition[part[0]]), model_id]
            again[part] = recent.see(keys[part], appended[part])
        return np.split(again, np.cumsum([len(lot.chosen) for lot in lots])[:-1])
