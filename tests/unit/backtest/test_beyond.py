"""Drift that hurts is told from drift that does not."""

import numpy as np
import pytest

from driftline.backtest.beyond import Figure, Harm, Verdict
from driftline.backtest.page import render
from driftline.backtest.roles import Roles
from driftline.backtest.run import Backtest, run
from driftline.backtest.story import harm
from tests.unit.backtest.conftest import write_csv

ROWS, HOUR = 6000, 3600
BINARY = Roles(time="at", prediction="predicted", score="score", label="outcome")


def rows(seed, *, season, fault):
    """Outcomes follow the score whatever the warmth; where the pressure is beyond 3, the score says nothing."""
    rng = np.random.default_rng(seed)
    score = rng.uniform(0.02, 0.98, ROWS).round(3)
    warmth, pressure = rng.uniform(0, 1, ROWS), rng.uniform(0, 3, ROWS)
    warmth[-2:], pressure[-2:] = (0, 1), (0, 3)
    warmth[: int(season * ROWS)] += 2
    lost = rng.random(ROWS) < fault
    pressure[lost] = 4 + rng.random(lost.sum())
    late = rng.random(ROWS) < np.where(lost, 0.5, score)
    at = [f"2026-01-{1 + hour // 24:02}T{hour % 24:02}:00:00Z" for hour in np.arange(ROWS) * 480 // ROWS]
    return {
        "at": at,
        "warmth": warmth.round(4),
        "pressure": pressure.round(4),
        "score": score,
        "predicted": np.where(score >= 0.5, "late", "on time"),
        "outcome": np.where(late, "late", "on time"),
    }


def area(score, late):
    order = np.argsort(np.argsort(score)) + 1
    positives = late.sum()
    return (order[late].sum() - positives * (positives + 1) / 2) / (positives * (~late).sum())


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("beyond")
    data = rows(2, season=0.5, fault=0.1)
    return write_csv(folder / "reference.csv", rows(1, season=0, fault=0)), write_csv(folder / "data.csv", data), data


@pytest.fixture(scope="module")
def outcome(files):
    return run(Backtest(files[1], files[0], BINARY, positive="late"))


def test_the_season_is_harmless_and_the_fault_hurts(outcome):
    found = {each.column: each for each in outcome.harms}

    assert {name: each.verdict for name, each in found.items()} == {"warmth": Verdict.HARMLESS, "pressure": Verdict.HURTS}
    assert found["warmth"].rows == ROWS // 2


def test_both_figures_are_the_area_of_their_rows(outcome, files):
    found = {each.column: each for each in outcome.harms}["pressure"]
    data = files[2]
    beyond, late = data["pressure"] > 3, data["outcome"] == "late"

    assert found.rows == beyond.sum()
    assert found.share == pytest.approx(beyond.mean())
    for figure, chosen in ((found.beyond, beyond), (found.within, ~beyond)):
        assert figure.value == pytest.approx(area(data["score"][chosen], late[chosen]), abs=0.01)  # 64 cells of scores
        assert figure.low < figure.value < figure.high


def test_it_is_said_in_words_and_on_the_page(outcome):
    words = [harm(each) for each in outcome.harms]

    assert words[0].startswith("warmth does not hurt the model: 50.0% of the outcomes (3,000) had values")
    assert words[1].startswith("pressure hurts the model: ")
    assert "hurts the model" in render(outcome, "title")


def test_numbers_are_held_against_their_mean_absolute_error(tmp_path):
    data, reference = rows(4, season=0.5, fault=0.1), rows(3, season=0, fault=0)
    for each in (data, reference):
        lost = each["pressure"] > 3
        each["outcome"] = each["score"] + np.random.default_rng(5).normal(0, 0.1, ROWS) + lost
        each["predicted"] = each.pop("score")
    found = run(
        Backtest(
            write_csv(tmp_path / "data.csv", data),
            write_csv(tmp_path / "reference.csv", reference),
            Roles(time="at", prediction="predicted", label="outcome"),
        )
    ).harms
    by_column = {each.column: each for each in found}
    error = np.abs(data["outcome"] - data["predicted"])

    assert by_column["pressure"].verdict is Verdict.HURTS
    assert by_column["pressure"].beyond.value == pytest.approx(error[data["pressure"] > 3].mean(), rel=1e-6)
    assert by_column["warmth"].measure == "mae"
    assert by_column["warmth"].verdict is not Verdict.HURTS


def test_too_few_rows_say_nothing(tmp_path):
    data = rows(6, season=0.02, fault=0.0)
    found = run(
        Backtest(
            write_csv(tmp_path / "data.csv", data),
            write_csv(tmp_path / "reference.csv", rows(1, season=0, fault=0)),
            BINARY,
            positive="late",
        )
    ).harms
    assert found == ()


@pytest.mark.parametrize(
    ("measure", "beyond", "within", "verdict"),
    [
        ("auc", (0.6, 0.55, 0.65), (0.8, 0.79, 0.81), Verdict.HURTS),
        ("auc", (0.79, 0.77, 0.81), (0.8, 0.79, 0.81), Verdict.HARMLESS),
        ("auc", (0.78, 0.60, 0.90), (0.8, 0.79, 0.81), Verdict.UNSURE),
        ("auc", (0.9, 0.88, 0.92), (0.8, 0.79, 0.81), Verdict.HARMLESS),
        ("mae", (2.0, 1.8, 2.2), (1.0, 0.9, 1.1), Verdict.HURTS),
        ("mae", (0.5, 0.4, 0.6), (1.0, 0.9, 1.1), Verdict.HARMLESS),
        ("mae", (1.1, 0.8, 1.4), (1.0, 0.9, 1.1), Verdict.UNSURE),
    ],
)
def test_verdicts(measure, beyond, within, verdict):
    assert Harm("x", 500, 0.5, measure, Figure(*beyond), Figure(*within)).verdict is verdict
