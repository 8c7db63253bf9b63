"""Frames in a notebook."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import driftline
from driftline.errors import ConfigurationError


@pytest.fixture
def train():
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "x": rng.normal(size=4000),
            "plan": rng.choice(["a", "b"], 4000),
            "flag": rng.random(4000) < 0.2,
            "at": pd.Timestamp("2026-01-01"),
        }
    )


@pytest.fixture
def week(train):
    moved = train.copy()
    moved["x"] += 1.0
    moved.loc[:399, "plan"] = None
    return moved


def test_a_profile_says_what_is_in_each_column(train):
    found = driftline.profile(train)
    by_column = {row["column"]: row for row in found.table()}

    assert (found.rows, found.left_out) == (4000, ("at",))
    assert {name: row["kind"] for name, row in by_column.items()} == {
        "x": "numeric",
        "plan": "categorical",
        "flag": "categorical",
    }
    assert by_column["x"]["mean"] == pytest.approx(train["x"].mean())
    assert by_column["x"]["null_rate"] == 0.0


def test_a_comparison_names_what_moved(train, week):
    found = driftline.compare(train, week)

    assert found.drifted == ("x",)
    assert found.value("x", "mean_delta") == pytest.approx(1.0)
    assert found.value("plan", "null_rate_delta") == pytest.approx(0.1)
    assert found.value("flag", "psi") == pytest.approx(0.0)
    assert [row["level"] for row in found.table()] == ["significant", "stable", "stable"]


def test_a_frame_against_itself_has_not_moved(train):
    assert {row["psi"] for row in driftline.compare(train, train).table()} == {0.0}


def test_frames_of_any_make_give_the_same(train, week):
    kept = ["x", "plan"]
    arrow = [pa.Table.from_pandas(frame[kept], preserve_index=False) for frame in (train, week)]
    arrays = [
        {"x": frame["x"].to_numpy(), "plan": [None if pd.isna(plan) else plan for plan in frame["plan"]]}
        for frame in (train, week)
    ]

    found = [driftline.compare(*pair).measures for pair in ((train[kept], week[kept]), arrow, arrays)]

    assert found[0] == found[1] == found[2]


def test_it_shows_itself_as_a_table_and_escapes_names():
    shown = driftline.compare({"<x>": [1.0, 2.0]}, {"<x>": [1.0, 3.0]})._repr_html_()

    assert "<caption>2 rows against 2</caption>" in shown
    assert "&lt;x&gt;" in shown
    assert "<x>" not in shown


@pytest.mark.parametrize(
    ("reference", "current", "words"),
    [
        ({"x": [1.0]}, {"y": [1.0]}, "no column in common"),
        ({"x": [1.0]}, {"x": ["a"]}, "'x' is string here but numeric in the reference"),
        ({"x": [1.0, np.inf]}, {"x": [1.0]}, "infinite"),
        ({"x": [1.0]}, {"x": [np.inf]}, "infinite"),
        ({"x": []}, {"x": [1.0]}, "no rows"),
        (7, {"x": [1.0]}, "no data frame"),
    ],
)
def test_what_cannot_be_compared_is_said(reference, current, words):
    with pytest.raises(ConfigurationError, match=words):
        driftline.compare(reference, current)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no 'compere'"):
        driftline.compere  # noqa: B018


def test_all_columns_together_can_be_compared():
    rng = np.random.default_rng(4)
    x, y, z = rng.normal(size=(3, 2000))
    train = pd.DataFrame({"x": x, "y": y, "plan": rng.choice(["a", "b"], 2000)})
    together = train.assign(y=0.9 * x + 0.4 * z)
    for name in ("domain_classifier", "mmd"):
        usual, found = (driftline.compare(train, other, multivariate=name).measures[-1] for other in (train, together))
        assert (found.family, found.name, found.column) == ("multivariate", name, None)
        assert (usual.violated, found.violated) == (False, True)
    assert driftline.compare(train, together, multivariate="mmd").drifted == ()
    with pytest.raises(ConfigurationError, match="domain_classifier and mmd"):
        driftline.compare(train, together, multivariate="pca")


def test_times_are_profiled_by_age_and_texts_by_length_where_somebody_says_how(train):
    made = train.assign(
        at=pd.date_range("2026-01-01", periods=4000, freq="min"),
        booked=pd.date_range("2026-01-01", periods=4000, freq="min") - pd.Timedelta(days=2),
        note=["a", "bbb"] * 2000,
    )
    found = driftline.profile(made, time="at", texts=["note"])
    by_column = {row["column"]: row for row in found.table()}
    assert (by_column["booked"]["kind"], by_column["booked"]["mean"]) == ("timestamp", 172_800.0)
    assert (by_column["note"]["kind"], by_column["note"]["mean"]) == ("text_length", 2.0)
    assert found.left_out == ("at",)
    older = made.assign(booked=made["booked"] - pd.Timedelta(days=1))
    assert driftline.compare(made, older, time="at", texts=["note"]).drifted == ("booked",)
    assert driftline.profile(made).left_out == ("at", "booked")
    with pytest.raises(ConfigurationError, match="no column 'when'"):
        driftline.profile(made, time="when")
