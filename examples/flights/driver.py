"""Plays the flights in the order in which the world knew them: predictions at departure, outcomes at arrival."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from driftline import topics
from driftline.errors import Unavailable
from driftline.kafka.ports import Admin, Isolation, TopicPartition
from driftline.sdk import Client
from examples.flights.data import CATEGORICAL, NUMERIC, Flights
from examples.flights.model import NEGATIVE, POSITIVE, VERSION

MODEL = "nyc.flights.delay"
DAY_US = 86_400_000_000
MAXIMUM_DAYS_AHEAD = 3
HTTP_CARRIER = "MQ"
"""Envoy's flights come by HTTP, everybody else's by the SDK."""
_HTTP_BATCH = 500


@dataclass(slots=True)
class Sent:
    """What was accepted."""

    predictions: int = 0
    predictions_http: int = 0
    labels: int = 0


@dataclass(slots=True)
class Pace:
    """Keeps the driver at most three days of event time ahead of what the groups of the drift service have committed."""

    admin: Admin
    groups: Mapping[str, Sequence[str]]
    """Topics that each group reads."""
    _days: deque[dict[TopicPartition, int]] = field(default_factory=deque)

    def day_is_sent(self) -> None:
        """Remember how far the logs reach with this day."""
        partitions = [
            TopicPartition(topics.name(topic), partition)
            for topic in ("predictions", "labels")
            for partition in range(topics.catalogue()[topic].partitions)
        ]
        self._days.append(self.admin.end_offsets(partitions, Isolation.READ_UNCOMMITTED))

    def may_go_on(self) -> bool:
        """Whether the day that lies three days back is committed."""
        while self._days and self._committed(self._days[0]):
            self._days.popleft()
        return len(self._days) < MAXIMUM_DAYS_AHEAD

    def all_committed(self) -> bool:
        """Whether everything sent is committed."""
        return not self._days or self._committed(self._days[-1])

    def _committed(self, ends: Mapping[TopicPartition, int]) -> bool:
        for group, names in self.groups.items():
            done = self.admin.group_offsets(group)
            read = {topics.name(name) for name in names}
            if any(done.get(partition, 0) < end for partition, end in ends.items() if partition.topic in read):
                return False
        return True


def days(flights: Flights) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.int64]]]:
    """Day by day: its start, the flights predicted on it, the flights whose outcome became known on it, each in order of time."""
    arrived = np.flatnonzero(flights.known_us >= 0)
    arrived = arrived[np.argsort(flights.known_us[arrived], kind="stable")]
    first = flights.predicted_us[0] // DAY_US
    last = max(flights.predicted_us[-1], flights.known_us.max()) // DAY_US
    borders = np.arange(first, last + 2) * DAY_US
    predicted = np.searchsorted(flights.predicted_us, borders)
    known = np.searchsorted(flights.known_us[arrived], borders)
    for day in range(len(borders) - 1):
        yield (
            int(borders[day]),
            np.arange(predicted[day], predicted[day + 1]),
            arrived[known[day] : known[day + 1]],
        )


class Emitter:
    """Sends flights by both doors."""

    def __init__(self, flights: Flights, client: Client, http: httpx.Client) -> None:
        self._client = client
        self._http = http
        self._flights = flights
        self.sent = Sent()

    def predictions(self, rows: NDArray[np.int64]) -> None:
        """Emit the predictions of these rows."""
        waiting = []
        frame, times = self._flights.frame.iloc[rows], self._flights.predicted_us[rows].tolist()
        columns = (frame["carrier"], frame["prediction_id"], _records(frame), frame["prediction"], frame["score"], times)
        for carrier, prediction_id, features, prediction, score, time_us in zip(*columns, strict=True):
            if carrier == HTTP_CARRIER:
                waiting.append(
                    {
                        "model_id": MODEL,
                        "model_version": VERSION,
                        "prediction_id": prediction_id,
                        "event_time": time_us,
                        "prediction": prediction,
                        "score": score,
                        "features": features,
                    }
                )
                continue
            self._client.predict(
                MODEL, VERSION, prediction_id, features, prediction=prediction, score=score, event_time=time_us
            )
            self.sent.predictions += 1
        for start in range(0, len(waiting), _HTTP_BATCH):
            self._post(waiting[start : start + _HTTP_BATCH])

    def labels(self, rows: NDArray[np.int64]) -> None:
        """Emit the outcomes of these rows."""
        frame, times = self._flights.frame.iloc[rows], self._flights.known_us[rows].tolist()
        for prediction_id, late, time_us in zip(frame["prediction_id"], frame["late"], times, strict=True):
            self._client.label(MODEL, prediction_id, POSITIVE if late else NEGATIVE, label_time=time_us)
            self.sent.labels += 1

    def _post(self, events: list[dict[str, Any]]) -> None:
        answer = self._http.post("/v1/predictions", json={"events": events})
        if answer.status_code != httpx.codes.ACCEPTED:
            message = f"ingest answered {answer.status_code}: {answer.text[:300]}"
            raise Unavailable(message)
        accepted = int(answer.json()["accepted"])
        self.sent.predictions += accepted
        self.sent.predictions_http += accepted


def _records(frame: pd.DataFrame) -> list[dict[str, float | str | None]]:
    """Features of every row, missing weather as null."""
    columns: dict[str, list[float | str | None]] = {}
    for name in NUMERIC:
        values = frame[name].astype(float)
        columns[name] = values.astype(object).where(values.notna(), None).tolist()
    for name in CATEGORICAL:
        columns[name] = frame[name].tolist()
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
