"""What producers send, and what a batch computation over all of it must find."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta, timezone
from math import nan
from zlib import crc32

from driftline.drift.windows.calendar import spans_of
from driftline.events import Deduplicate, Monitor

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
    squared_error: float
    """Sum over the in-time pairs of (score - outcome)^2."""


Told = Counter[tuple[str, str]]
"""Pairs of a prediction by part and outcome, signed."""


def told(prediction: Row, labels: Iterable[Row], monitor: Monitor) -> Told:
    """What labels in their order say of a prediction: the last one in time, and what the last one of all says otherwise."""
    found = [label for label in labels if label.time <= prediction.time + monitor.label_ttl_us]
    last = [label.outcome for label in found][-1:]
    in_time = [label.outcome for label in found if label.time <= prediction.time + monitor.label_delay_us][-1:]
    out = Counter({("IN_TIME", outcome): 1 for outcome in in_time})
    if last != in_time:
        out.update({("LATER", outcome): 1 for outcome in last})
        out.update({("LATER", outcome): -1 for outcome in in_time})
    return out


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
    labels: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if row.is_label:
            labels[row.model, row.id].append(row)
    windows: dict[Key, dict[str, Counter]] = defaultdict(lambda: defaultdict(Counter))

    def places(row: Row):
        monitor = monitors[row.model]
        for granularity in monitor.granularities:
            for span in spans_of(granularity, monitor.time_zone, row.time):
                for name in slices_of(row, monitor):
                    yield windows[row.model, row.version, granularity, span.start, name]

    once = {model for model, monitor in monitors.items() if monitor.deduplicate is Deduplicate.ID}
    counted = [row for row in predictions if row.model not in once]
    counted += [row for row in first.values() if row.model in once]  # no schedule takes an hour
    for row in counted:
        for window in places(row):
            window["carriers"][row.carrier] += 1
    for name, prediction in first.items():
        for (part, outcome), sign in told(prediction, labels[name], monitors[prediction.model]).items():
            for window in places(prediction):
                window[part][predicted(prediction), outcome] += sign
    return {
        key: Counts(
            window["carriers"].total(),
            tuple(sorted(window["carriers"].items())),
            tuple(sorted(window["IN_TIME"].items())),
            window["LATER"].total(),
            sum(n * (_SCORES[guess] - (truth == "late")) ** 2 for (guess, truth), n in window["IN_TIME"].items()),
        )
        for key, window in windows.items()
    }


_SCORES = {"late": 0.75, "on time": 0.25}


def score(row: Row) -> float:
    """Probability of `late` that goes with the guess."""
    return _SCORES[predicted(row)]


def hours(row: Row) -> int | None:
    """How long before its event a row was booked; None = nobody says."""
    number = crc32(row.id.encode()) % 6
    return None if number == 0 else number - 2


def booked(row: Row) -> float | str | None:
    """The same as a moment: a number, a text in some zone or none, or no time at all."""
    before = hours(row)
    if before is None:
        return None
    number = crc32(row.id.encode()) // 6 % 4
    zone = (UTC, None, timezone(timedelta(hours=9)), UTC)[number]
    at = row.time - before * 3_600_000_000
    if number == 0:
        return float(at)
    if number == 3:
        return "some day"
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)
    return (moment.astimezone(zone) if zone else moment.replace(tzinfo=None)).isoformat()


def remark(row: Row) -> str | None:
    """Free text, of two letters and more bytes for each third of an id's hash."""
    number = crc32(row.id.encode()) % 5
    return None if number == 4 else "äé" * number


def aged(row: Row) -> float | None:
    """What `booked` counts as, without reading it: seconds, NaN where it is no time."""
    before, moment = hours(row), booked(row)
    return None if before is None else nan if moment == "some day" else before * 3600.0


def predicted(row: Row) -> str:
    """The model's guess; any rule will do."""
    return "late" if row.carrier == "AA" else "on time"
