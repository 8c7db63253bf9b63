"""examples.flights.causes: columns that move together are one story."""

import numpy as np
import pytest

from driftline.backtest.beyond import Figure, Harm
from driftline.events import Measure
from examples.flights.causes import causes
from tests.builders import report_of

WEEK = 7 * 86_400_000_000


def week(at, psi):
    measures = tuple(
        Measure(family="feature", name="psi", column=column, value=value, limit=0.1, violated=value > 0.1)
        for column, value in psi.items()
    )
    return report_of(granularity="1 week", start=at * WEEK, end=(at + 1) * WEEK, measures=measures)


def harm(column, beyond, within):
    around = {"low": beyond - 0.01, "high": beyond + 0.01}
    return Harm(column, 500, 0.4, "auc", Figure(beyond, **around), Figure(within, within - 0.01, within + 0.01))


@pytest.fixture
def weeks():
    season = np.sin(np.arange(20) / 20 * np.pi) * 5
    storm = np.where(np.arange(20) == 3, 2.0, 0.01 * (np.arange(20) % 7))
    found = [
        week(at, {"temp": s, "dew": s / 2, "pressure": p, "calm": 0.05})
        for at, (s, p) in enumerate(zip(season, storm, strict=True))
    ]
    return list(reversed(found))


def test_columns_that_move_together_have_one_cause_the_furthest_first(weeks):
    found = causes(weeks, [], "1 week")
    assert [cause.columns for cause in found] == [("temp", "dew"), ("pressure",)]


def test_a_cause_lasts_from_its_first_to_its_last_window_beyond_the_limit(weeks):
    _, storm = causes(weeks, [], "1 week")
    assert (storm.since, storm.until, storm.peak, storm.peak_at) == (3 * WEEK, 4 * WEEK, 2.0, 3 * WEEK)


def test_the_worst_that_its_columns_do_to_the_model_is_told(weeks):
    season, storm = causes(weeks, [harm("temp", 0.69, 0.70), harm("dew", 0.60, 0.70)], "1 week")
    assert season.harm.column == "dew"
    assert storm.harm is None
