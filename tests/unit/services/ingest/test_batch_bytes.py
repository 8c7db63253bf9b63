import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline import batches, codec
from driftline.events import Prediction
from services.ingest.api.batch_bytes import BatchTable, number
from services.ingest.api.json_columns import columns_of, pivot

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
NUMBER = st.floats(allow_infinity=False) | st.integers(-(2**53), 2**53)
COLUMN = st.sampled_from(["numbers", "texts", "nullable numbers", "nullable texts", "mixed", "nulls", "booleans"])
VALUES = {
    "numbers": NUMBER,
    "texts": TEXT,
    "nullable numbers": st.none() | NUMBER,
    "nullable texts": st.none() | TEXT,
    "mixed": st.none() | NUMBER | TEXT,
    "nulls": st.none(),
    "booleans": st.booleans(),
}


@st.composite
def tables(draw):
    n = draw(st.integers(1, 9))
    names = draw(st.lists(TEXT, max_size=5, unique=True))
    columns = {name: draw(st.lists(VALUES[draw(COLUMN)], min_size=n, max_size=n)) for name in names}
    ids = draw(st.lists(TEXT.filter(bool), min_size=n, max_size=n))
    times = draw(st.lists(st.integers(-(2**62), 2**62), min_size=n, max_size=n))
    rows = draw(st.permutations(range(n)))[: draw(st.integers(1, n))]
    return ids, times, columns, rows


def plain(value):
    return str(value).lower() if isinstance(value, bool) else float(value) if isinstance(value, int) else value


@settings(max_examples=300, deadline=None)
@given(tables(), st.data())
def test_the_bytes_are_those_of_the_codec(table, data):
    ids, times, columns, rows = table
    n = len(ids)
    begin = data.draw(st.integers(0, len(rows) - 1))
    end = data.draw(st.integers(begin + 1, len(rows)))
    made = columns_of({name: tuple(values) for name, values in columns.items()}, n)
    chosen = np.array(rows, np.int64)

    encoded = BatchTable(
        ("shop.m", "v1"), [ids[r].encode() for r in rows], np.array(times, np.int64)[chosen], made, chosen
    ).encode(begin, end)

    decoded = codec.decode(encoded)
    expected = batches.from_rows(
        [
            Prediction(
                model_id="shop.m",
                model_version="v1",
                prediction_id=ids[r],
                event_time=times[r],
                features={name: plain(values[r]) for name, values in columns.items()},
            )
            for r in rows[begin:end]
        ]
    )
    assert (decoded.rows, decoded.prediction_ids, decoded.prediction_id_ends) == (
        expected.rows,
        expected.prediction_ids,
        expected.prediction_id_ends,
    )
    assert decoded.event_times == expected.event_times
    assert cells(decoded) == cells(expected)


def cells(batch):
    """Every present value of a batch as text; a column that has texts anywhere may be one of texts in each of its messages."""
    found = {}
    for name, column in batches.to_columns(batch).columns.items():
        values = [column.dictionary[int(v)] if column.dictionary else str(float(v)) for v in column.values]
        found[name] = [value if valid else None for value, valid in zip(values, column.valid, strict=True)]
    return found


def test_numbers_are_written_as_avro_writes_them():
    import io

    import fastavro

    for value in [0, 1, 63, 64, 127, 128, 2047, 2048, 300_000, 2**31 - 1, 2**40]:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, "long", value)
        assert number(value) == out.getvalue()


def test_rows_with_the_same_keys_in_another_order_are_pivoted_alike():
    assert pivot([{"a": 1, "b": 2}, {"b": 3, "a": 4}]) == {"a": [1, 4], "b": [2, 3]}


def test_rows_with_other_keys_have_holes():
    assert pivot([{"a": 1, "b": 2}, {"a": 4, "c": 3}]) == {"a": [1, 4], "b": [2, None], "c": [None, 3]}
    assert pivot([{"a": 1}, {}]) == {"a": [1, None]}
