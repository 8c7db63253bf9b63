"""What producers send, and what a batch computation over all of it must find."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from driftline.drift.windows.calendar import span_of
from driftline.events import Monitor

MODELS = ("north", "south")
CARRIERS = ("AA", "UA", "??")
OUTCOMES = ("late", "on time")


@dataclass(frozen=True)
class Row:
    """A prediction, a label (outcome set, carrier empty) or a watermark (no id)."""

    model: str
    id: str
    time: int
    carrier: str = ""
    outcome: str = ""
    version: str = "1"

    @property
    def is_label(self) -> bool:
        return not self.carrier and bool(self.id)

    def encode(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @staticmethod
    def decode(data: bytes) -> Row:
        return Row(**json.loads(data))


@dataclass(frozen=True)
class Counts:
    """What a window must hold, integer for integer."""

    rows: int
    carriers: tuple[tuple[str, int], ...]
    in_time: tuple[tuple[tuple[str, str], int], ...]
    later: int


def pair_part(prediction: Row, label: Row, monitor: Monitor) -> str | None:
    """In time, later, or too late to count."""
    if label.time <= prediction.time + monitor.label_delay_us:
        return "IN_TIME"
    return "LATER" if label.time <= prediction.time + monitor.label_ttl_us else None


Key = tuple[str, str, str, int, str]
"""Model, version, granularity, start and slice of a window."""


def slices_of(row: Row, monitor: Monitor) -> list[str]:
    """The slices that a prediction lies in; the baseline knows AA and UA, late and on time."""
    known = {"carrier": row.carrier if row.carrier != "??" else None, ":prediction": predicted(row)}
    found = [""]
    for each in monitor.slices:
        if each.where:
            assert each.where == "carrier = 'UA'"
            found.append(each.where if row.carrier == "UA" else f"({each.where}) IS NOT TRUE")
        elif any(known[column] is None for column in each.columns):
            found.append(f"{', '.join(each.columns)}=(other)")
        else:
            found.append(", ".join(f"{column}={known[column]}" for column in each.columns))
    return found


def batch(rows: Iterable[Row], monitors: dict[str, Monitor]) -> dict[Key, Counts]:
    """Count every window from all rows at once, in no order."""
    rows = list(rows)
    predictions = [row for row in rows if row.carrier]
    first: dict[tuple[str, str], Row] = {}
    for row in predictions:
        first.setdefault((row.model, row.id), row)
    labels: dict[tuple[str, str], Row] = {}
    for row in rows:
        if row.is_label:
            labels.setdefault((row.model, row.id), row)
    windows: dict[Key, dict[str, Counter]] = defaultdict(lambda: defaultdict(Counter))

    def places(row: Row):
        monitor = monitors[row.model]
        for granularity in monitor.granularities:
            start = span_of(granularity, monitor.time_zone, row.time).start
            for name in slices_of(row, monitor):
                yield windows[row.model, row.version, granularity, start, name]

    for row in predictions:
        for window in places(row):
            window["carriers"][row.carrier] += 1
    for name, label in labels.items():
        prediction = first.get(name)
        part = None if prediction is None else pair_part(prediction, label, monitors[label.model])
        if prediction is not None and part is not None:
            for window in places(prediction):
                window[part][predicted(prediction), label.outcome] += 1
    return {
        key: Counts(
            window["carriers"].total(),
            tuple(sorted(window["carriers"].items())),
            tuple(sorted(window["IN_TIME"].items())),
            window["LATER"].total(),
        )
        for key, window in windows.items()
    }


def predicted(row: Row) -> str:
    """The model's guess; any rule will do."""
    return "late" if row.carrier == "AA" else "on time"
