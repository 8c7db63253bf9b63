"""Rows cut into slices against a plain look at each row; what the slices of a cut add up to."""

import math
from collections import defaultdict
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.avro import Column
from driftline.backtest.columns import numbers as from_numbers
from driftline.backtest.columns import texts as from_texts
from driftline.drift.dialect import Dialect
from driftline.drift.labels import Pairs, count_pairs
from driftline.drift.profile import Profile, Tally
from driftline.drift.profile.layout import Layout
from driftline.drift.slices import Slicer, condition_fault
from driftline.events import ColumnKind, MonitorSlice, Part
from driftline.governance.definition import BaselineFacts, parse_definition
from driftline.governance.errors import DefinitionRefused
from tests.unit.drift.profile.test_tally import ABSENT, HOUR, columns_of, layout_of, monitor, numbers, plain_cells, texts

CUTS = (
    MonitorSlice(columns=("origin",)),
    MonitorSlice(columns=("flag", "origin")),
    MonitorSlice(columns=("age",)),
    MonitorSlice(columns=("count", "flag")),
    MonitorSlice(where="age > 40 AND origin = 'JFK'"),
    MonitorSlice(where="flag = 'true' OR score IS NULL"),
    MonitorSlice(where="upper(origin) LIKE '%R'"),
)
LAYOUT = layout_of(slices=CUTS)
ORIGINS = ("JFK", "LGA", "EWR")
rows_of = st.lists(
    st.fixed_dictionaries(
        {"time": st.integers(-5 * HOUR, 5 * HOUR), "stream": st.integers(0, 2)},
        optional={"age": numbers, "count": numbers, ":score": numbers, "origin": texts, "flag": texts},
    ),
    min_size=1,
    max_size=60,
)


def text(value: Any) -> str | None:
    return None if value is None or value is ABSENT else {True: "true", False: "false"}.get(value, value)


def number(value: Any) -> float | None:
    return None if value is None or value is ABSENT or math.isnan(value) else float(value)


def within(layout: Layout, column: str, row) -> str | None:
    """The oracle for one column: its part of the name, None for the rest."""
    block = layout.by_column[column]
    if block.categories:
        found = text(row.get(column))
        return f"{column}={found}" if found in block.categories else None
    value = number(row.get(column))
    if value is None:
        return None
    borders = [block.edges[edge] for edge in block.psi_edges]
    if not borders:
        return f"{column}=(any)"
    written = [str(int(border)) if border.is_integer() else repr(border) for border in borders]
    place = sum(border <= value for border in borders)
    if place == 0:
        return f"{column}<{written[0]}"
    return f"{column}>={written[-1]}" if place == len(borders) else f"{written[place - 1]}<={column}<{written[place]}"


def slices_of(layout: Layout, row) -> list[str]:
    """The oracle: the slice of each cut that a row lies in."""
    age, origin, flag, score = number(row.get("age")), text(row.get("origin")), text(row.get("flag")), number(row.get(":score"))
    true = {
        "age > 40 AND origin = 'JFK'": age is not None and age > 40 and origin == "JFK",
        "flag = 'true' OR score IS NULL": flag == "true" or score is None,
        "upper(origin) LIKE '%R'": origin is not None and origin.upper().endswith("R"),
    }
    found = []
    for cut in layout.cuts:
        if cut.where:
            found.append(cut.where if true[cut.where] else f"({cut.where}) IS NOT TRUE")
            continue
        parts = [within(layout, column, row) for column in cut.columns]
        rest = ", ".join(cut.columns) + "=(other)"
        found.append(rest if None in parts else ", ".join(map(str, parts)))
    return found


def tallied(layout: Layout, rows, chosen, parts=1) -> dict[tuple[int, str, int], Profile]:
    tally, slicer, columns = Tally(layout), Slicer(layout), columns_of(rows)
    times = np.array([row["time"] for row in rows])
    streams = np.array([row["stream"] for row in rows], np.uint64)
    for part in np.array_split(np.array(chosen, np.int64), parts):
        tally.add(streams, times, columns, part, slicer.codes(columns, part))
    return tally.profiles()


@settings(max_examples=150, deadline=None)
@given(rows_of, st.data())
def test_every_cell_of_every_slice_equals_a_plain_count(rows, data):
    chosen = data.draw(st.lists(st.sampled_from(range(len(rows))), unique=True))
    expected = defaultdict(list)
    for i in chosen:
        for name in ("", *slices_of(LAYOUT, rows[i])):
            expected[rows[i]["stream"], name, rows[i]["time"] // HOUR * HOUR].append(rows[i])
    found = tallied(LAYOUT, rows, chosen, parts=2)
    assert found.keys() == expected.keys()
    for key, members in expected.items():
        assert found[key].rows == len(members)
        assert found[key].cells.tolist() == plain_cells(LAYOUT, members)


def sums_by_cut(layout: Layout, found):
    """Of each (cut, everything but the slice) the profiles of its slices."""
    cut_of = {name: at for at, cut in enumerate(layout.cuts) for name in cut.names}
    parts = defaultdict(list)
    for (first, name, pane), profile in found.items():
        if name:
            parts[cut_of[name], first, pane].append(profile)
    return parts


@settings(max_examples=50, deadline=None)
@given(rows_of)
def test_the_slices_of_a_cut_add_up_to_all_rows_cell_for_cell(rows):
    everyone = range(len(rows))
    whole, cut = tallied(layout_of(), rows, everyone), tallied(LAYOUT, rows, everyone)
    parts = sums_by_cut(LAYOUT, cut)
    assert len(parts) == len(CUTS) * len(whole)
    for (_, stream, pane), profiles in parts.items():
        total, alone = Profile.total(LAYOUT.shape(Part.INPUTS), profiles), whole[stream, "", pane]
        assert total.same_counts(cut[stream, "", pane])
        assert (total.rows, total.cells.tolist()) == (alone.rows, alone.cells.tolist())
        finite = np.isfinite(alone.sums)
        assert total.sums[finite] == pytest.approx(alone.sums[finite], rel=1e-9, abs=1e-9)


def test_the_pairs_of_the_slices_of_a_cut_add_up_to_all_pairs():
    rng = np.random.default_rng(5)
    size = 400
    pairs = Pairs(
        stream=np.zeros(size, np.int32),
        event_time=rng.integers(0, 3 * HOUR, size),
        predicted=rng.integers(0, 2, size).astype(np.int32),
        value=rng.random(size),
        in_time=rng.random(size) < 0.7,
        actual=rng.choice(["yes", "no"], size).tolist(),
        sign=np.where(rng.random(size) < 0.2, -1, 1),
        slices=np.stack([rng.integers(0, len(cut.names), size) for cut in LAYOUT.cuts], axis=1).astype(np.uint8),
    )
    found = count_pairs(LAYOUT, pairs)
    parts = sums_by_cut(LAYOUT, found)
    assert len(parts) == len(CUTS) * sum(not name for _, name, _ in found)
    for (_, part, pane), profiles in parts.items():
        assert Profile.total(LAYOUT.shape(part), profiles).same_counts(found[part, "", pane])


def test_psi_bins_of_a_slice_hold_what_the_measure_counts_in_them():
    rng = np.random.default_rng(2)
    rows = [{"time": 0, "stream": 0, "age": value} for value in rng.normal(40, 20, 3000).tolist()]
    found = tallied(LAYOUT, rows, range(len(rows)))
    block = LAYOUT.by_column["age"]
    names = LAYOUT.cuts[2].names[:-1]
    assert [found[0, name, 0].rows for name in names] == block.psi_counts(found[0, "", 0].cells).tolist()


def test_rows_of_a_layout_with_cuts_do_not_count_without_slices():
    with pytest.raises(ValueError, match="7 cuts"):
        Tally(LAYOUT).add(np.zeros(1, np.uint64), np.zeros(1, np.int64), {}, np.array([0]))


def test_a_column_that_nobody_sent_cuts_nothing_off():
    codes = Slicer(LAYOUT).codes({}, np.arange(3))
    assert codes is not None
    names = [cut.names[code] for cut, code in zip(LAYOUT.cuts, codes[:, 0].tolist(), strict=True)]
    assert names == [
        "origin=(other)",
        "flag, origin=(other)",
        "age=(other)",
        "count, flag=(other)",
        "(age > 40 AND origin = 'JFK') IS NOT TRUE",
        "flag = 'true' OR score IS NULL",
        "(upper(origin) LIKE '%R') IS NOT TRUE",
    ]


@pytest.mark.parametrize(
    ("where", "fault"),
    [
        ("age >", "line 1 column 5"),
        ("age > 40 AND\n  origine = 'JFK'", "line 2 column 3: no column origine is watched; did you mean origin?"),
        ("age + 1", "a truth value is wanted here"),
        ("age = 'old'", "line 1 column"),
        ("avg(age) > 3", "a condition looks at one row"),
        ("SELECT age FROM model WHERE age > 1", "a condition stands alone"),
        ("1 = 1", "looks at no column"),
        ("  ", "the condition is empty"),
        ("age > 1; DROP TABLE windows", "semicolon"),
        ("age > (SELECT max(age) FROM model)", "subquery"),
        ("label = 'yes'", "no column label is watched"),
        ("t.age > 3", "without a table"),
        ("age > {{limit}}", "no parameter"),
    ],
)
def test_a_condition_that_cannot_be_taken_is_refused_with_its_place(where, fault):
    asked = monitor("b", slices=(MonitorSlice(columns=("origin",)), MonitorSlice(where=where)))
    found = condition_fault(where, asked)
    assert found is not None
    assert fault in found
    assert Dialect().faults(asked) == (("slices[1].where", found),)


def test_a_monitor_whose_conditions_compile_has_no_faults():
    assert Dialect().faults(monitor("b", slices=CUTS)) == ()


DEFINITION = """
model: m
task: multiclass
baseline: b
labels: false
granularities: [1 hour]
columns: {{age: numeric, origin: categorical}}
slices:
{slices}
"""


def definition(*slices: str):
    text = DEFINITION.format(slices="\n".join(f"- {each}" for each in slices))
    facts = BaselineFacts({"age": ColumnKind.NUMERIC, "origin": ColumnKind.CATEGORICAL}, ())
    return parse_definition(text, model_id="m", actor="a", baseline=facts, dialect=Dialect()).monitor


def test_a_definition_with_slices_of_every_kind_is_taken():
    found = definition("origin", "[origin, age]", "where: age > 40")
    assert found.slices == (
        MonitorSlice(columns=("origin",)),
        MonitorSlice(columns=("origin", "age")),
        MonitorSlice(where="age > 40"),
    )


@pytest.mark.parametrize(
    ("slices", "field", "detail"),
    [
        (("origin", "where: age >> 40"), "slices[1].where", "column"),
        (("where: agee > 40",), "slices[0].where", "did you mean age?"),
        (("[origin, origin]",), "slices[0]", "two columns"),
        (("age", "origin", "age"), "slices[2]", "already"),
        (("tail",), "slices[0]", "no column 'tail' is watched"),
    ],
)
def test_a_definition_whose_slices_cannot_be_counted_is_refused_with_the_place(slices, field, detail):
    with pytest.raises(DefinitionRefused) as refused:
        definition(*slices)
    assert [(problem.field, detail in problem.detail) for problem in refused.value.problems] == [(field, True)]


CHURN = ("senior_citizen = 'Yes'", "contract = 'Month-to-month'", "payment_method = 'Electronic check'")


def test_the_customary_conditions_on_churn_cut_into_those_for_whom_they_are_true_and_all_others():
    values = {
        "senior_citizen": ["Yes", "No", None, "Yes"],
        "contract": ["Month-to-month", "Two year", "Month-to-month", "month-to-month"],
        "payment_method": ["Mailed check", "Electronic check", "Electronic check", None],
    }
    kinds = dict.fromkeys(values, ColumnKind.CATEGORICAL)
    layout = layout_of(kinds, values, slices=tuple(MonitorSlice(where=where) for where in CHURN))
    rows = [dict(zip(values, row, strict=True)) | {"time": 0, "stream": 0} for row in zip(*values.values(), strict=True)]
    found = {name: profile.rows for (_, name, _), profile in tallied(layout, rows, range(4)).items()}
    assert [(found[where], found[f"({where}) IS NOT TRUE"]) for where in CHURN] == [(2, 2), (2, 2), (2, 2)]


def test_stage_1_and_a_backtest_tell_the_same_slices_from_different_columns():
    rng = np.random.default_rng(9)
    size = 500
    rows = [
        {
            "age": None if rng.random() < 0.1 else float(rng.normal(40, 15)),
            "origin": str(rng.choice(["JFK", "LGA", "EWR", "BOS"])) if rng.random() < 0.9 else None,
            "flag": str(rng.choice(["true", "false"])),
            "count": float(rng.integers(0, 5)),
            ":score": float(rng.random()),
        }
        for _ in range(size)
    ]
    arrow: dict[str, Column] = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        number_column = name in {"age", "count", ":score"}
        array = pa.array(values, pa.float64() if number_column else pa.string())
        arrow[name] = from_numbers(array) if number_column else from_texts(array)
    slicer, everyone = Slicer(LAYOUT), np.arange(size)
    streamed, filed = slicer.codes(columns_of(rows), everyone), slicer.codes(arrow, everyone)
    assert streamed is not None
    assert filed is not None
    assert (streamed == filed).all()
    assert all(len(set(codes.tolist())) > 1 for codes in streamed)
