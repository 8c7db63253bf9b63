"""Random definitions over random rows with NULLs, cut into random batches and added up, against DuckDB over all of them."""

import math
import os
from itertools import pairwise

import duckdb
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driftline.drift.profile import Partial
from driftline.drift.sqlmetrics import Type, compile_metrics, numbers, texts
from driftline.events import MonitorMetric

EXAMPLES = int(os.environ.get("SQLMETRICS_EXAMPLES", "100"))
COLUMNS = {"a": Type.NUMBER, "b": Type.NUMBER, "t": Type.TEXT, "u": Type.TEXT}
WORDS = ["", "x", "Yes", "yes", "No", "12", "-3.5", "Fiber optic", "Month-to-month", "Ωmega", "a%b"]

# An expression is a pair: as a user writes it, and as DuckDB must write it to mean the same. They differ where dialects do:
# what x / 0 is, how literals are typed, that a cast to an integer cuts here and rounds there.


def _literal(value):
    return f"{value}", f"({value})::DOUBLE"


def _text(value):
    quoted = value.replace("'", "''")
    return f"'{quoted}'", f"'{quoted}'"


def _both(ours, theirs=None):
    """Combine the parts of pairs by a format."""

    def make(*parts):
        return ours.format(*(p[0] for p in parts)), (theirs or ours).format(*(p[1] for p in parts))

    return make


number_leaves = st.one_of(
    st.sampled_from([("a", "a"), ("b", "b"), ("NULL", "NULL::DOUBLE")]),
    st.integers(-40, 40).map(lambda i: _literal(i / 4)),
)
text_leaves = st.one_of(st.sampled_from([("t", "t"), ("u", "u"), ("NULL", "NULL::VARCHAR")]), st.sampled_from(WORDS).map(_text))
text_columns = st.sampled_from([("t", "t"), ("u", "u")])
patterns = st.sampled_from(["%", "_", "%e%", "M%-%h", "Y__", "", "%%", "a%b", "%o_tic", "x%x"]).map(_text)


def _texts(children):
    _, truth = children
    return st.one_of(
        text_leaves,
        st.builds(_both("lower({})"), text_columns),
        st.builds(_both("upper({})"), text_columns),
        st.builds(_both("CASE WHEN {} THEN {} ELSE {} END"), truth, text_leaves, text_leaves),
        st.builds(_both("coalesce({}, {})"), text_leaves, text_columns),
        st.builds(_both("nullif({}, {})"), text_columns, text_leaves),
    )


def _numbers(children):
    numeric, truth = children
    return st.one_of(
        *(st.builds(_both(f"({{}} {sign} {{}})"), numeric, numeric) for sign in "+-*"),
        st.builds(_both("({} / {})", "({} / nullif({}, 0))"), numeric, numeric),
        st.builds(_both("({} % {})", "({} % nullif({}, 0))"), numeric, numeric),
        st.builds(_both("({} div {})", "trunc({} / nullif({}, 0))"), numeric, numeric),
        st.builds(_both("(- {})"), numeric),
        *(st.builds(_both(f"{name}({{}})"), numeric) for name in ("abs", "sign", "floor", "ceil", "round")),
        st.builds(_both("round({}, 2)"), numeric),
        st.builds(_both("sqrt({0})", "CASE WHEN {0} >= 0 THEN sqrt({0}) END"), numeric),
        st.builds(_both("greatest({}, {})"), numeric, numeric),
        st.builds(_both("least({}, {}, 1)", "least({}, {}, 1::DOUBLE)"), numeric, numeric),
        st.builds(_both("coalesce({}, {})"), numeric, numeric),
        st.builds(_both("nullif({}, {})"), numeric, numeric),
        st.builds(_both("CASE WHEN {} THEN {} WHEN {} THEN {} END"), truth, numeric, truth, numeric),
        st.builds(_both("CASE WHEN {} THEN {} ELSE {} END"), truth, numeric, numeric),
        st.builds(_both("if({}, {}, {})", "CASE WHEN {} THEN {} ELSE {} END"), truth, numeric, numeric),
        st.builds(_both("CASE {} WHEN {} THEN 1 ELSE {} END"), numeric, numeric, numeric),
        st.builds(_both("CAST({} AS BIGINT)", "trunc({})"), numeric),
        st.builds(_both("CAST({} AS DOUBLE)"), truth),
        st.builds(_both("CAST({} AS DOUBLE)", "TRY_CAST({} AS DOUBLE)"), _texts(children)),
        st.builds(_both("length({})"), _texts(children)),
    )


def _truths(children):
    numeric, truth = children
    text = _texts(children)
    signs = ("=", "<>", "!=", "<", "<=", ">", ">=")
    return st.one_of(
        *(st.builds(_both(f"({{}} {sign} {{}})"), numeric, numeric) for sign in signs),
        *(st.builds(_both(f"({{}} {sign} {{}})"), text, text) for sign in signs),
        st.builds(_both("({} <=> {})", "({} IS NOT DISTINCT FROM {})"), numeric, numeric),
        st.builds(_both("({} <=> {})", "({} IS NOT DISTINCT FROM {})"), text, text),
        st.builds(_both("({} AND {})"), truth, truth),
        st.builds(_both("({} OR {})"), truth, truth),
        st.builds(_both("(NOT {})"), truth),
        st.builds(_both("({} IS NULL)"), numeric),
        st.builds(_both("({} IS NOT NULL)"), text),
        st.builds(_both("({} IS TRUE)"), truth),
        st.builds(_both("CASE WHEN {} THEN {} WHEN {} THEN {} END"), truth, truth, truth, truth),
        st.builds(_both("(CASE {} WHEN {} THEN {} ELSE NULL END)"), text, text_leaves, truth),
        st.builds(_both("({} IS NOT FALSE)"), truth),
        st.builds(_both("({} = {})"), truth, truth),
        st.builds(_both("({} BETWEEN {} AND {})"), numeric, numeric, numeric),
        st.builds(_both("({} NOT BETWEEN {} AND {})"), text, text, text),
        st.builds(_both("({} IN ({}, {}))"), numeric, numeric, number_leaves),
        st.builds(_both("({} NOT IN ({}, {}, {}))"), text, text_leaves, text_leaves, text_leaves),
        st.builds(_both("({} LIKE {})"), text, patterns),
        st.builds(_both("({} NOT ILIKE {})"), text, patterns),
    )


truth_leaves = st.one_of(
    st.sampled_from([("TRUE", "TRUE"), ("FALSE", "FALSE")]),
    st.builds(_both("({} > {})"), number_leaves, number_leaves),
    st.builds(_both("({} = {})"), text_leaves, text_leaves),
)


def _deepen(depth):
    children = (number_leaves, truth_leaves)
    for _ in range(depth):
        children = (st.one_of(number_leaves, _numbers(children)), st.one_of(truth_leaves, _truths(children)))
    return children


number, truth = _deepen(3)
smooth = st.one_of(
    number,
    st.builds(_both("ln({0})", "CASE WHEN {0} > 0 THEN ln({0}) END"), number),
    st.builds(_both("log10({0})", "CASE WHEN {0} > 0 THEN log10({0}) END"), number),
    st.builds(_both("exp(least({}, 5))", "exp(least({}, 5::DOUBLE))"), number_leaves.filter(lambda pair: pair[0] != "NULL")),
    st.builds(_both("power({}, 2)"), number_leaves),
)
value_aggregates = ("sum", "avg", "min", "max", "count", "stddev", "stddev_pop", "variance", "var_pop")
aggregate = st.one_of(
    *(st.builds(_both(f"{name}({{}})"), smooth) for name in value_aggregates),
    *(st.builds(_both(f"{name}({{}}) FILTER (WHERE {{}})"), smooth, truth) for name in value_aggregates),
    st.builds(_both("count_if({})", "count(*) FILTER (WHERE {})"), truth),
    st.builds(_both("count({})"), truth),
    st.builds(_both("count(*) FILTER (WHERE {})"), truth),
    st.just(("count(*)", "count(*)")),
)
definition = st.one_of(aggregate, st.builds(_both("{} / count(*)", "{} / nullif(count(*), 0)"), aggregate))

cell = st.one_of(st.none(), st.integers(-200, 200).map(lambda i: i / 4))
word = st.one_of(st.none(), st.sampled_from(WORDS))
row = st.tuples(cell, cell, word, word, st.integers(0, 1))


@pytest.fixture(scope="module")
def duck():
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("CREATE TABLE rows (a DOUBLE, b DOUBLE, t VARCHAR, u VARCHAR, g INTEGER)")
        yield connection


def _vectors(rows):
    a, b, t, u, _ = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    return {"a": numbers(list(a)), "b": numbers(list(b)), "t": texts(t), "u": texts(u)}


def _by_us(program, rows, cuts):
    """Value by group, from partials of batches that were sent, received and added in another order."""
    borders = sorted({0, len(rows), *(cut % (len(rows) + 1) for cut in cuts)})
    parts = []
    for low, high in pairwise(borders):
        batch = rows[low:high]
        codes = np.array([each[4] for each in batch], np.int32)
        found = program.inputs.partials(_vectors(batch), codes, len(batch), 2)
        parts.append([Partial.decode(program.inputs.room, each.encode()) for each in found])
    totals = [Partial.total(program.inputs.room, [part[group] for part in parts[::-1]]) for group in (0, 1)]
    whole = program.inputs.partial(_vectors(rows), len(rows))
    return [next(iter(program.finish(each).values())).value for each in (*totals, whole)]


def _same(ours, theirs, scale):
    if ours is None or theirs is None:
        return ours is None and (theirs is None or not math.isfinite(theirs))
    return math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-7 * scale)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(definition, st.lists(row, max_size=40), st.lists(st.integers(0, 40), max_size=3))
def test_every_definition_says_what_duckdb_says(duck, pair, rows, cuts):
    ours, theirs = pair
    program = compile_metrics([MonitorMetric(name="m", definition=ours)], COLUMNS, typical={"a": 1.0, "b": -2.0})
    duck.execute("DELETE FROM rows")
    if rows:
        duck.executemany("INSERT INTO rows VALUES (?, ?, ?, ?, ?)", rows)
    expected = [
        duck.execute(f"SELECT {theirs} FROM rows WHERE g IN {groups}").fetchall()[0][0] for groups in ("(0)", "(1)", "(0, 1)")
    ]
    found = _by_us(program, rows, cuts)
    scale = max([1.0, *(abs(each) for each in expected if each is not None and math.isfinite(each))])
    for mine, oracle in zip(found, expected, strict=True):
        # COUNT of no rows is 0 in both; anything else of no rows is NULL in both
        assert _same(mine, oracle, scale), (ours, theirs, rows, found, expected)
