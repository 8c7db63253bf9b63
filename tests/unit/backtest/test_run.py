"""A backtest from files to findings."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from driftline.backtest.roles import Roles
from driftline.backtest.run import Backtest, Evenly, run
from driftline.backtest.story import columns, deciding, sentences
from driftline.drift.levels import Level, level_of
from driftline.errors import ConfigurationError, DriftlineError
from driftline.events import Task
from tests.unit.backtest.conftest import DAYS, ROWS_OF_A_DAY, made, write_csv

ROLES = Roles(time="at", prediction="predicted", score="score", label="outcome")


@pytest.fixture(scope="module")
def outcome(files):
    reference, data, _ = files
    return run(Backtest(data, reference, ROLES, positive="late"))


def test_each_window_holds_the_rows_of_its_day(outcome):
    reports = deciding(outcome.findings, outcome.monitor)

    assert (outcome.monitor.alert_on, outcome.rows) == ("1 day", DAYS * ROWS_OF_A_DAY)
    assert [report.n for report in reports] == [ROWS_OF_A_DAY] * DAYS
    assert all(report.final and report.exact and report.completeness == 1.0 for report in reports)


def test_the_column_that_moved_is_found_on_the_day_it_moved_and_no_other(outcome):
    moved = {story.column: (story.moved, story.first_moved) for story in columns(deciding(outcome.findings, outcome.monitor))}
    tenth = deciding(outcome.findings, outcome.monitor)[10].start

    assert moved == {"x": (10, tenth), "plan": (0, None), ":prediction": (0, None), ":score": (0, None)}
    assert [alarm.window_start for alarm in outcome.findings.alarms if alarm.kind == "feature"] == [tenth]
    assert any(sentence.startswith("x left the reference in the window of 2026-01-12") for sentence in story(outcome))


def story(outcome):
    return list(sentences(outcome.findings, outcome.monitor))


def test_performance_is_that_of_the_day(outcome, files):
    right = (files[2]["predicted"] == files[2]["outcome"]).reshape(DAYS, ROWS_OF_A_DAY).mean(axis=1)
    found = [
        measure.value
        for report in deciding(outcome.findings, outcome.monitor)
        for measure in report.measures
        if (measure.family, measure.name, measure.column) == ("performance", "accuracy", None)
    ]

    assert found == pytest.approx(right.tolist())


def test_the_order_of_rows_and_the_kind_of_file_change_nothing(outcome, files, tmp_path):
    reference, _, rows = files
    shuffled = np.random.default_rng(3).permutation(len(rows["x"]))
    table = pa.table({name: pa.array(values[shuffled]) for name, values in rows.items()})
    pyarrow.parquet.write_table(table, tmp_path / "data.parquet")

    again = run(Backtest(tmp_path / "data.parquet", reference, ROLES, monitor=outcome.document))

    def counted(found):
        return {key: (report.n, report.cells, report.label_cells) for key, report in found.findings.windows.items()}

    assert counted(again) == counted(outcome)
    assert [event.window_start for event in again.findings.alarms] == [event.window_start for event in outcome.findings.alarms]


def test_a_monitor_that_was_written_out_gives_the_same_again(outcome, files):
    again = run(Backtest(files[1], files[0], ROLES, monitor=outcome.document))

    assert (again.monitor, again.findings.drift) == (outcome.monitor, outcome.findings.drift)


def test_labels_after_the_delay_are_counted_apart(files, tmp_path):
    reference, _, rows = files
    late = rows["at"] + np.where(np.arange(len(rows["x"])) % 4 == 0, 2 * 86_400, 3600)
    data = write_csv(tmp_path / "data.csv", rows | {"known": late})

    found = run(Backtest(data, reference, Roles(**{**slots(ROLES), "label_time": "known"}), positive="late"))
    reports = deciding(found.findings, found.monitor)

    assert {(report.labels_in_time, report.labels_later) for report in reports} == {(300, 100)}


def slots(roles):
    return {name: getattr(roles, name) for name in ("time", "prediction", "score", "label")}


def test_rows_that_cannot_be_counted_are_told(files, tmp_path):
    reference, _, rows = files
    x = rows["x"].copy()
    x[:3] = np.inf
    at = rows["at"].astype(str)
    at[5:7] = ""
    data = write_csv(tmp_path / "data.csv", rows | {"x": x, "at": at})

    found = run(Backtest(data, reference, ROLES, positive="late"))

    assert found.rows == DAYS * ROWS_OF_A_DAY - 5
    assert "2 rows have no time and were left out" in found.notes
    assert "3 rows have an infinite x and were left out" in found.notes


def test_without_times_rows_are_evenly_apart(files, tmp_path):
    rows = made(4, 3)
    del rows["at"]
    data = write_csv(tmp_path / "data.csv", rows)
    start = 1_767_225_600_000_000

    found = run(Backtest(data, files[0], Roles(ignore=("predicted", "score", "outcome", "at")[:3]), Evenly(start, 216_000_000)))

    assert [(report.start, report.n) for report in deciding(found.findings, found.monitor)] == [
        (start + day * 86_400_000_000, 400) for day in range(3)
    ]


def test_an_outcome_without_a_prediction_is_watched_as_a_column(files):
    found = run(Backtest(files[1], files[0], Roles(time="at", label="outcome", ignore=("predicted", "score"))))

    assert (found.monitor.labels, [column.name for column in found.monitor.columns]) == (False, ["x", "plan", "outcome"])
    assert any("no prediction is named" in note for note in found.notes)


def test_numbers_that_are_predicted_make_a_regression(files, tmp_path):
    reference, data = made(5, 5, first_day=-5), made(6, 3)
    for rows in (reference, data):
        rows["y"] = rows["x"] * 2
        rows["guess"] = rows["y"] + 1.0
    roles = Roles(time="at", prediction="guess", label="y", ignore=("predicted", "score", "outcome"))

    found = run(Backtest(write_csv(tmp_path / "d.csv", data), write_csv(tmp_path / "r.csv", reference), roles))
    errors = [m.value for r in deciding(found.findings, found.monitor) for m in r.measures if m.name == "mae"]

    assert found.monitor.task is Task.REGRESSION
    assert errors == pytest.approx([1.0] * 3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"roles": Roles(time="when")}, "has no column 'when'; it has at, x, plan"),
        ({"roles": Roles()}, "--time"),
        ({"roles": Roles(time="at", score="score")}, "Say --positive CLASS"),
        ({"monitor": "model: m\nthreshold: 1\n"}, "threshold"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(files, change, words):
    asked = {"data": files[1], "reference": files[0], "roles": ROLES} | change

    with pytest.raises(DriftlineError, match=words):
        run(Backtest(**asked))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "is no file"),
        ("", "neither CSV"),
        ("at,x\n2026-01-01,1\n2026-01-02\n", "Expected 2 columns"),
        ("at,at\n1,2\n", "several columns named at"),
        ("at,x\nyesterday,1\n", "'yesterday' is no time"),
        ("at,x\n2026-01-01T00:00:00,abc\n", "abc"),
        ("at,x\n", "no rows|no row"),
    ],
)
def test_a_broken_file_is_named(tmp_path, text, words):
    good = write_csv(tmp_path / "good.csv", {"at": ["2026-01-01T00:00:00"] * 3, "x": [1.5, 2.5, 3.5]})
    bad = tmp_path / "bad.csv"
    if text is not None:
        bad.write_text(text)

    with pytest.raises(ConfigurationError, match=words):
        run(Backtest(bad, good, Roles(time="at")))


@pytest.mark.parametrize(
    ("psi", "level"),
    [(0.0, Level.STABLE), (0.0999, Level.STABLE), (0.1, Level.MODERATE), (0.25, Level.MODERATE), (0.2501, Level.SIGNIFICANT)],
)
def test_the_levels_of_the_index(psi, level):
    assert level_of(psi) is level


SLICES = """
slices:
- plan
- [plan, ":prediction"]
- x
- where: x > 1 AND plan <> 'pro'
- where: upper(plan) LIKE 'P%'
"""


def test_slices_are_those_of_the_rows_and_their_labels(outcome, files):
    reference, data, rows = files
    found = run(Backtest(data, reference, ROLES, monitor=outcome.document + SLICES))
    windows = {
        (report.slice, report.start): report for report in found.findings.windows.values() if report.granularity == "1 day"
    }
    where = "x > 1 AND plan <> 'pro'"
    lies = {
        "": np.ones(len(rows["x"]), np.bool_),
        "plan=plus": rows["plan"] == "plus",
        "plan=plus, :prediction=late": (rows["plan"] == "plus") & (rows["predicted"] == "late"),
        where: (rows["x"] > 1) & (rows["plan"] != "pro"),
        f"({where}) IS NOT TRUE": ~((rows["x"] > 1) & (rows["plan"] != "pro")),
    }
    lies["upper(plan) LIKE 'P%'"] = rows["plan"] != "basic"
    days = np.arange(len(rows["x"])) // ROWS_OF_A_DAY
    for (name, start), report in windows.items():
        if name in lies:
            day = (start // 1_000_000 - rows["at"][0].astype("datetime64[s]").astype(int) // 86_400 * 86_400) // 86_400
            expected = int((lies[name] & (days == day)).sum())
            assert (report.n, report.labels_in_time) == (expected, expected), (name, day)
    assert {name for name, _ in windows} >= set(lies)
    for cut in found.layout.cuts:
        for day in range(DAYS):
            start = min(start for _, start in windows) + day * 86_400_000_000
            assert sum(windows[name, start].n for name in cut.names if (name, start) in windows) == ROWS_OF_A_DAY


def test_slices_change_nothing_of_what_is_told(outcome, files):
    found = run(Backtest(files[1], files[0], ROLES, monitor=outcome.document + SLICES))

    assert [event.window_start for event in found.findings.alarms] == [event.window_start for event in outcome.findings.alarms]
    assert deciding(found.findings, found.monitor)[0].n == ROWS_OF_A_DAY
    assert len(deciding(found.findings, found.monitor)) == DAYS


def test_the_story_names_the_slices_that_drifted(outcome, files):
    cut = outcome.document + "\nslices: [plan]\n"
    (sentence,) = [each for each in story(run(Backtest(files[1], files[0], ROLES, monitor=cut))) if "that had 200" in each]

    assert sentence.startswith("1 of 1 slice that had 200 rows or more drifted, which tells nobody: plan=basic (2026-01-")
    assert not any("that had" in each for each in story(outcome))
