"""The same flights as files, through the core of `driftline backtest`: it must count what the stream counted."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from driftline.backtest.page import render
from driftline.backtest.roles import Roles
from driftline.backtest.run import Backtest, Outcome, run
from driftline.events import WindowReport
from examples.flights.data import FEATURES, Flights
from examples.flights.model import NEGATIVE, POSITIVE, VERSION
from examples.flights.preparation import Prepared

ROLES = Roles(
    time="departure",
    prediction="prediction",
    score="score",
    label="outcome",
    label_time="arrival",
    version="version",
    ignore=("prediction_id",),
)
TITLE = "The flights of 2013 against January and February"


@dataclass(frozen=True, slots=True)
class Backtested:
    """What the backtest found."""

    outcome: Outcome
    page: Path
    """Its report."""

    def equal(self, reports: Iterable[WindowReport]) -> int:
        """How many of the streamed windows have the same rows, cells and pairs."""
        return sum(_agrees(report, self.outcome) for report in reports)


def backtested(prepared: Prepared, monitor: Path, folder: Path) -> Backtested:
    """Write the flights to `folder` and run the backtest on them under the definition in `monitor`."""
    folder.mkdir(parents=True, exist_ok=True)
    data, reference = folder / "flights.parquet", folder / "reference.parquet"
    _frame(prepared.flights).to_parquet(data, index=False)
    _frame(prepared.past).to_parquet(reference, index=False)
    outcome = run(Backtest(data, reference, ROLES, monitor=monitor.read_text(encoding="utf-8")))
    page = folder / "report.html"
    page.write_text(render(outcome, TITLE), encoding="utf-8")
    return Backtested(outcome, page)


def _frame(flights: Flights) -> pd.DataFrame:
    """Flights as their owner would keep them in a file."""
    frame = flights.frame[["prediction_id", *FEATURES, "prediction", "score"]].copy()
    frame["outcome"] = flights.frame["late"].map({True: POSITIVE, False: NEGATIVE})
    frame["departure"] = pd.to_datetime(flights.predicted_us, unit="us", utc=True)
    known = pd.Series(flights.known_us).where(flights.known_us >= 0)
    frame["arrival"] = pd.to_datetime(known.astype("Int64"), unit="us", utc=True)
    frame["version"] = VERSION
    return frame


def _agrees(streamed: WindowReport, outcome: Outcome) -> bool:
    key = (streamed.granularity, streamed.model_version, streamed.slice, streamed.start)
    found = outcome.findings.windows.get(key)
    return found is not None and _counted(found) == _counted(streamed)


def _counted(report: WindowReport) -> tuple[object, ...]:
    return report.n, report.cells, report.labels_in_time, report.labels_later, report.label_cells
