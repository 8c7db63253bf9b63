"""Columns that the label join remembers give the partials that the rows themselves would have."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.avro.odd_rows import column_of
from driftline.drift.sqlmetrics import Type, compile_metrics
from driftline.drift.sqlmetrics.packing import pack, unpack
from driftline.drift.sqlmetrics.vectors import texts, vector_of
from driftline.events import MonitorMetric

COLUMNS = {"amount": Type.NUMBER, "city": Type.TEXT, ":prediction": Type.TEXT, ":label": Type.TEXT}
PROGRAM = compile_metrics(
    [
        MonitorMetric(name="cost", definition="sum(CASE WHEN {{prediction_col}} <> {{label_col}} THEN amount END)"),
        MonitorMetric(name="cities", definition="count_if(lower(city) LIKE '%o%' AND {{label_col}} = 'yes')"),
        MonitorMetric(name="known", definition="count(city) FILTER (WHERE {{label_col}} IS NOT NULL)"),
    ],
    COLUMNS,
)
_ROW = st.tuples(
    st.none() | st.integers(-100, 100).map(float),
    st.none() | st.sampled_from(["Oslo", "Rome", "Bern", "", "%o%", "éo"]),
    st.sampled_from(["yes", "no"]),
    st.sampled_from(["yes", "no"]),
    st.booleans(),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(_ROW, min_size=1, max_size=30), st.integers(0, 2))
def test_packed_columns_count_as_the_rows_do(rows, wider):
    amount, city, predicted, actual, chosen = (list(column) for column in zip(*rows, strict=True))
    columns = {
        "amount": column_of(dict(enumerate(amount)), len(rows)),
        "city": column_of(dict(enumerate(city)), len(rows)),
        ":prediction": column_of(dict(enumerate(predicted)), len(rows)),
    }
    which = np.flatnonzero(np.array(chosen))
    cells, words = pack(PROGRAM.pairs, columns, which, len(rows))
    assert set(words.values()) == {city[i] for i in which if city[i] is not None}  # the one column that is read, and no other
    cells = np.pad(cells, ((0, 0), (0, wider)))
    vectors = unpack(PROGRAM.pairs, cells, words, [actual[i] for i in which])
    direct = {name: vector_of(columns[name], kind) for name, kind in COLUMNS.items() if name != ":label"}
    direct[":label"] = texts(actual)
    groups = np.where(chosen, 0, -1).astype(np.int32)
    (expected,) = PROGRAM.pairs.partials(direct, groups, len(rows), 1)
    assert PROGRAM.pairs.partial(vectors, len(which)).encode() == expected.encode()
