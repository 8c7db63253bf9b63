"""Columns of times and texts in files: seen, counted by age and by length, and told when they change."""

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from driftline.backtest.roles import Roles
from driftline.backtest.run import Backtest, run
from driftline.backtest.story import deciding
from driftline.errors import ConfigurationError
from driftline.events import ColumnKind

ROWS = 400
WORDS = ("good", "bad", "late", "broken", "lovely")


def rows(seed, days, *, older_hours=0, longer=0, odd=False):
    rng = np.random.default_rng(seed)
    n = ROWS * days
    at = np.datetime64("2026-01-01T00:00:00", "us") + (np.arange(n) * (86_400_000_000 // ROWS)).astype("timedelta64[us]")
    booked = at - (rng.exponential(7 * 86_400, n) + 3600 * older_hours).astype("timedelta64[s]")
    comment: list[str | None] = [" ".join(rng.choice(WORDS, 3 + rng.integers(5) + longer)) + f" {row}" for row in range(n)]
    texts = [str(moment) for moment in booked]
    if odd:
        texts[:40] = ["some day"] * 40
        comment[:20] = [None] * 20
    return {"at": at, "booked": texts if odd else booked, "comment": comment, "order": [f"o-{row}" for row in range(n)]}


def parquet(path, columns):
    pyarrow.parquet.write_table(pa.table(columns), path)
    return path


def csv(path, columns):
    pyarrow.csv.write_csv(pa.table(columns), path)
    return path


def outcome_of(data, reference, **roles):
    return run(Backtest(data, reference, Roles(time="at", **roles)))


def kinds(outcome):
    return {column.name: column.kind for column in outcome.monitor.columns}


def windows(outcome):
    return [{(m.column, m.name): m for m in report.measures} for report in deciding(outcome.findings, outcome.monitor)]


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    return parquet(tmp_path_factory.mktemp("times") / "reference.parquet", rows(1, 8))


def test_times_are_watched_by_age_and_prose_by_length_and_identifiers_are_left_out(reference, tmp_path):
    data = rows(2, 4)
    outcome = outcome_of(parquet(tmp_path / "data.parquet", data), reference)
    assert kinds(outcome) == {"booked": ColumnKind.TIMESTAMP, "comment": ColumnKind.TEXT_LENGTH}
    assert any("order" in note for note in outcome.notes)
    assert outcome.findings.alarms == []
    first = windows(outcome)[0]
    ages = (data["at"] - data["booked"])[:ROWS] / np.timedelta64(1, "s")
    assert first["booked", "mean"].value == pytest.approx(ages.mean())
    assert first["comment", "mean"].value == pytest.approx(np.mean([len(text) for text in data["comment"][:ROWS]]))


def test_older_bookings_and_longer_comments_are_found(reference, tmp_path):
    outcome = outcome_of(parquet(tmp_path / "data.parquet", rows(3, 4, older_hours=200, longer=6)), reference)
    (event, *_) = outcome.findings.alarms
    assert {column.column for column in event.columns} == {"booked", "comment"}


def test_csv_counts_as_parquet_does(tmp_path):
    found = []
    for write, ending in ((parquet, "parquet"), (csv, "csv")):
        reference = write(tmp_path / f"reference.{ending}", rows(1, 8))
        outcome = outcome_of(write(tmp_path / f"data.{ending}", rows(2, 3)), reference)
        found.append([(report.n, report.cells, report.sums) for report in deciding(outcome.findings, outcome.monitor)])
    assert found[0] == found[1]


def test_texts_that_are_no_time_and_missing_comments_are_counted(reference, tmp_path):
    data = csv(tmp_path / "data.csv", rows(2, 2, odd=True))
    outcome = outcome_of(data, csv(tmp_path / "reference.csv", rows(1, 8)))
    first = windows(outcome)[0]
    assert first["booked", "nan_rate"].value == 40 / ROWS
    assert first["comment", "null_rate"].value == 20 / ROWS


def test_a_text_column_is_counted_by_length_where_somebody_says_so(tmp_path):
    columns = rows(1, 4) | {"code": ["a", "bbb"] * (2 * ROWS)}
    path = parquet(tmp_path / "rows.parquet", columns)
    assert kinds(outcome_of(path, path, texts=("code",)))["code"] is ColumnKind.TEXT_LENGTH


def test_times_without_event_times_of_the_reference_are_left_out(tmp_path):
    known = rows(1, 8)
    bare = parquet(tmp_path / "bare.parquet", {name: values for name, values in known.items() if name != "at"})
    data = parquet(tmp_path / "data.parquet", rows(2, 3))
    outcome = outcome_of(data, bare)
    assert any("no event times: booked" in note for note in outcome.notes)
    with pytest.raises(ConfigurationError, match="ages are taken at event times"):
        outcome_of(data, bare, timestamps=("booked",))
