import io
import math
import struct

import fastavro
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driftline.avro import Column, Kind, Program, RowError, UnsupportedSchema, compile_schema, hash_texts

INT = st.integers(-(2**31), 2**31 - 1)
LONG = st.integers(-(2**63), 2**63 - 1)
VALUES = {
    "null": st.none(),
    "boolean": st.booleans(),
    "int": INT,
    "long": LONG,
    "float": st.floats(width=32),
    "double": st.floats(),
    "string": st.text(max_size=20),
    "bytes": st.binary(max_size=20),
}
NAMES = st.text("abcdefghij", min_size=1, max_size=4)


def record(*fields, name="R"):
    return {"type": "record", "name": name, "fields": [{"name": n, "type": t} for n, t in fields]}


def encode(schema, row):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), row)
    return out.getvalue()


def zigzag(number):
    number = (number << 1) ^ (number >> 63)
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


@st.composite
def leaf(draw, number):
    """A schema of one value, with the strategy of its data."""
    what = draw(st.sampled_from(["plain", "union", "enum", "fixed"]))
    if what == "plain":
        kind = draw(st.sampled_from(sorted(VALUES)))
        return kind, VALUES[kind]
    if what == "enum":
        symbols = draw(st.lists(NAMES, min_size=1, max_size=5, unique=True))
        return {"type": "enum", "name": f"E{number}", "symbols": symbols}, st.sampled_from(symbols)
    if what == "fixed":
        size = draw(st.integers(1, 9))
        return {"type": "fixed", "name": f"F{number}", "size": size}, st.binary(min_size=size, max_size=size)
    # fastavro picks the branch by value: kinds that it could mistake for each other do not stand together.
    kinds = draw(st.lists(st.sampled_from(["null", "boolean", "long", "double", "string", "bytes"]), min_size=1, unique=True))
    return kinds, st.one_of(*(VALUES[kind] for kind in kinds))


@st.composite
def field(draw, number):
    schema, values = draw(leaf(number))
    what = draw(st.sampled_from(["value", "map", "array", "nullable map", "nullable array", "record"]))
    if what == "value":
        return schema, values
    if what == "record":
        return record(("x", schema), ("y", "long"), name=f"N{number}"), st.fixed_dictionaries({"x": values, "y": LONG})
    if "map" in what:
        container = {"type": "map", "values": schema}
        values = st.dictionaries(st.one_of(NAMES, st.text(max_size=9)), values, max_size=6)
    elif schema == "null":
        return schema, values
    else:
        container, values = {"type": "array", "items": schema}, st.lists(values, max_size=6)
    if "nullable" in what:
        return (["null", container] if draw(st.booleans()) else [container, "null"]), st.none() | values
    return container, values


@st.composite
def batches(draw, max_rows=8):
    """A random schema and rows of it."""
    fields = [draw(field(number)) for number in range(draw(st.integers(1, 5)))]
    schema = record(*((f"f{number}", kind) for number, (kind, _) in enumerate(fields)))
    row = st.fixed_dictionaries({f"f{number}": values for number, (_, values) in enumerate(fields)})
    return schema, draw(st.lists(row, min_size=1, max_size=max_rows))


def same(a, b):
    """Equality where NaN equals NaN and True is not 1."""
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return struct.pack("d", a) == struct.pack("d", b) or (math.isnan(a) and math.isnan(b))
    return type(a) is type(b) and a == b


def fastavro_reads(schema, body):
    """What fastavro makes of a body, and whether it ended at its end; None when it refuses."""
    stream = io.BytesIO(body)
    try:
        row = fastavro.schemaless_reader(stream, fastavro.parse_schema(schema), None)
    except Exception:
        return None, False
    return row, stream.tell() == len(body)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(batches())
def test_columns_equal_what_fastavro_reads(batch):
    schema, rows = batch
    bodies = [encode(schema, row) for row in rows]

    columns = compile_schema(schema).decode(bodies)

    assert columns.ok.all(), columns.error
    for index, body in enumerate(bodies):
        assert same(columns.row(index), fastavro_reads(schema, body)[0])


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(batches(max_rows=3), st.data())
def test_mutated_bytes_are_read_as_fastavro_reads_them_or_refused(batch, data):
    schema, rows = batch
    mutated = [bytearray(encode(schema, row)) for row in rows]
    for body in mutated:
        for _ in range(data.draw(st.integers(0, 3))):
            if body:
                body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
        if data.draw(st.booleans()):
            del body[data.draw(st.integers(0, len(body))) :]
    bodies = [bytes(body) for body in mutated]

    columns = compile_schema(schema).decode(bodies)

    for index, message in enumerate(bodies):
        if columns.ok[index]:
            expected, complete = fastavro_reads(schema, message)
            assert complete
            assert same(columns.row(index), expected)
    alone = [bool(compile_schema(schema).decode([message]).ok[0]) for message in bodies]
    assert alone == columns.ok.tolist(), "a refusal depends on the row alone"


STRICTER = {RowError.INVALID_UNION_BRANCH, RowError.INVALID_BOOLEAN, RowError.INTEGER_OUT_OF_RANGE, RowError.INVALID_VARINT,
            RowError.TRAILING_BYTES, RowError.NEGATIVE_LENGTH, RowError.INVALID_ENUM}  # fmt: skip


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(batches(max_rows=1), st.binary(max_size=60))
def test_random_bytes_never_crash_and_are_refused_only_for_a_reason(batch, body):
    schema, _ = batch

    columns = compile_schema(schema).decode([body])

    expected, complete = fastavro_reads(schema, body)
    if columns.ok[0]:
        assert complete
        assert same(columns.row(0), expected)
    elif complete:
        assert RowError(columns.error[0]) in STRICTER


def test_a_truncated_message_is_refused_at_every_length():
    schema = record(("id", "string"), ("m", {"type": "map", "values": ["null", "double", "string"]}),
                    ("a", {"type": "array", "items": "long"}), ("f", "float"), ("b", "boolean"))  # fmt: skip
    body = encode(schema, {"id": "x" * 20, "m": {"k": 1.5, "l": None, "m": "text"}, "a": [1, 2, 3], "f": 1.0, "b": True})
    program = compile_schema(schema)

    columns = program.decode([body[:length] for length in range(len(body))])

    assert not columns.ok.any()
    assert set(columns.error) == {RowError.TRUNCATED}
    assert program.decode([body + b"\0"]).error[0] == RowError.TRAILING_BYTES


def test_a_message_is_never_read_beyond_its_end_into_the_next_one():
    schema = record(("id", "string"), ("x", "double"))
    whole = encode(schema, {"id": "abc", "x": 1.0})

    columns = compile_schema(schema).decode([whole[:-1], whole, whole[:2], whole])

    assert columns.ok.tolist() == [False, True, False, True]


@pytest.mark.parametrize(
    ("kind", "body", "error"),
    [
        (["null", "long"], b"\x01", RowError.INVALID_UNION_BRANCH),  # -1: fastavro takes the last branch
        (["null", "long"], b"\x04\x02", RowError.INVALID_UNION_BRANCH),
        ("long", b"\xff" * 9 + b"\x02", RowError.INVALID_VARINT),
        ("long", b"\xff" * 10 + b"\x01", RowError.INVALID_VARINT),
        ("int", zigzag(2**31), RowError.INTEGER_OUT_OF_RANGE),
        ("int", zigzag(-(2**31) - 1), RowError.INTEGER_OUT_OF_RANGE),
        ("string", zigzag(-1), RowError.NEGATIVE_LENGTH),
        ("string", zigzag(2**62), RowError.TRUNCATED),
        ("bytes", zigzag(-(2**63)), RowError.NEGATIVE_LENGTH),
        ("boolean", b"\x02", RowError.INVALID_BOOLEAN),
        ({"type": "enum", "name": "E", "symbols": ["A"]}, b"\x02", RowError.INVALID_ENUM),
        ({"type": "enum", "name": "E", "symbols": ["A"]}, b"\x01", RowError.INVALID_ENUM),
        ({"type": "map", "values": "null"}, zigzag(2**31), RowError.TRUNCATED),
        ({"type": "map", "values": "null"}, zigzag(-(2**63)) + b"\x02", RowError.NEGATIVE_LENGTH),
        ({"type": "array", "items": "double"}, zigzag(2**62) + b"\0" * 8, RowError.TRUNCATED),
    ],
)
def test_what_the_wire_format_forbids_is_refused_with_its_reason(kind, body, error):
    columns = compile_schema(record(("x", kind))).decode([body])

    assert RowError(columns.error[0]) is error


@pytest.mark.parametrize(
    "raw",
    [b"\x80", b"\xc0\xaf", b"\xc1\x81", b"\xe0\x80\xaf", b"\xed\xa0\x80", b"\xf0\x80\x80\xaf", b"\xf4\x90\x80\x80",
     b"\xf5\x80\x80\x80", b"\xff", b"abc\xe2\x82", b"\xe2\x28\xa1", b"\xf0\x9f\x98", b"12345678\xc3"],
)  # fmt: skip
def test_invalid_utf8_is_refused_in_strings_and_keys_but_not_in_bytes(raw):
    schema = record(("s", "string"), ("m", {"type": "map", "values": "long"}), ("b", "bytes"))
    program = compile_schema(schema)
    text = zigzag(len(raw)) + raw
    good = zigzag(1) + b"k"

    def body(string, key, blob):
        return string + zigzag(1) + key + zigzag(5) + zigzag(0) + blob

    columns = program.decode([body(text, good, good), body(good, text, good), body(good, good, text)])

    assert columns.error.tolist() == [RowError.INVALID_UTF8, RowError.INVALID_UTF8, RowError.OK]
    assert columns.column("b").raw(2) == raw


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=12))
def test_utf8_is_judged_as_python_judges_it(raw):
    columns = compile_schema(record(("s", "string"))).decode([zigzag(len(raw)) + raw])

    try:
        expected = raw.decode()
    except UnicodeDecodeError:
        assert columns.error[0] == RowError.INVALID_UTF8
    else:
        assert columns.column("s").text(0) == expected


def test_map_keys_in_another_order_missing_or_new_are_still_right():
    schema = record(("m", {"type": "map", "values": ["null", "double", "string"]}))
    rows = [
        {"a": 1.0, "b": "x", "c": None},
        {"c": 2.0, "a": None, "b": "y"},
        {"b": "z"},
        {},
        {"new": 5.0, "a": 3.0},
    ]
    columns = compile_schema(schema).decode([encode(schema, {"m": row}) for row in rows])

    assert [columns.row(i)["m"] for i in range(5)] == rows
    assert columns.map("m").keys == ("a", "b", "c", "new")
    a = columns.map("m").get("a")
    assert a is not None
    assert a.kind.tolist() == [Kind.REAL, Kind.NULL, Kind.ABSENT, Kind.ABSENT, Kind.REAL]
    assert a.valid.tolist() == [True, False, False, False, True]
    assert a.numbers().tolist() == [1.0, 0, 0, 0, 3.0]


def test_the_last_of_two_entries_with_one_key_wins():
    entry = zigzag(1) + b"k"
    body = zigzag(2) + entry + zigzag(1) + entry + zigzag(2) + zigzag(0)

    columns = compile_schema(record(("m", {"type": "map", "values": "long"}))).decode([body])

    assert columns.row(0) == {"m": {"k": 2}}


def test_blocks_with_a_byte_size_are_read():
    entry = zigzag(1) + b"k" + zigzag(7)
    body = zigzag(-1) + zigzag(len(entry)) + entry + zigzag(0) + zigzag(-2) + zigzag(2) + zigzag(3) + zigzag(4) + zigzag(0)
    schema = record(("m", {"type": "map", "values": "long"}), ("a", {"type": "array", "items": "long"}))

    assert compile_schema(schema).decode([body]).row(0) == {"m": {"k": 7}, "a": [3, 4]}


def test_more_keys_than_have_columns_are_kept_row_by_row():
    schema = record(("id", "long"), ("m", {"type": "map", "values": ["null", "long", "double", "string", "bytes", "boolean"]}))
    kinds = [None, 1, 1.5, "é", b"\xff", True]
    rows = [{"id": i, "m": {"shared": i, **{f"own-{i}-{j}": kinds[j] for j in range(6)}}} for i in range(300)]
    program = compile_schema(schema)
    bodies = [encode(schema, row) for row in rows]

    for _ in range(2):
        columns = program.decode(bodies)
        assert all(same(columns.row(i), rows[i]) for i in range(300))
    text = columns.map("m").columns["own-299-3"]
    assert text.hash is not None
    assert text.hash[299] == hash_texts(["é"])[0]


def test_what_is_decoded_does_not_depend_on_earlier_batches():
    schema = record(("m", {"type": "map", "values": "long"}))
    program = compile_schema(schema)
    program.decode([encode(schema, {"m": {f"k{i}": i for i in range(100)}})])

    columns = program.decode([encode(schema, {"m": {"k5": 1, "z": 2}})])

    assert columns.map("m").keys == ("k5", "z")
    assert columns.row(0) == {"m": {"k5": 1, "z": 2}}


def test_long_arrays_make_the_tables_grow_without_losing_a_row():
    schema = record(("a", {"type": "array", "items": "long"}), ("b", {"type": "array", "items": ["null", "string"]}))
    rows = [{"a": list(range(i * 40)), "b": [None, "x"] * i} for i in range(60)]
    bodies = [encode(schema, row) for row in rows]
    bodies[30] = bodies[30][:-5]

    columns = compile_schema(schema).decode(bodies)

    assert columns.error[30] == RowError.TRUNCATED
    assert all(columns.row(i) == rows[i] for i in range(60) if i != 30)
    offsets = columns.array("a").offsets
    assert offsets[30] == offsets[31]


def test_a_refused_row_is_absent_in_every_column():
    schema = record(("x", "double"), ("m", {"type": "map", "values": "long"}), ("a", {"type": "array", "items": "long"}),
                    ("s", "string"))  # fmt: skip
    good = encode(schema, {"x": 1.0, "m": {"k": 1}, "a": [1], "s": "abc"})

    columns = compile_schema(schema).decode([good, good[:-1], good])

    assert columns.ok.tolist() == [True, False, True]
    assert columns.column("x").valid.tolist() == [True, False, True]
    assert columns.map("m").columns["k"].valid.tolist() == [True, False, True]
    assert columns.array("a").offsets.tolist() == [0, 1, 1, 2]
    with pytest.raises(ValueError, match="row 1 was refused: truncated"):
        columns.row(1)


def test_equal_texts_have_equal_hashes_and_strings_can_be_listed():
    schema = record(("s", ["null", "string"]))
    texts = ["a", "bb", None, "a", "x" * 9, "x" * 8, "é", ""]
    column = compile_schema(schema).decode([encode(schema, {"s": text}) for text in texts]).column("s")

    assert column.hash is not None
    assert column.hash[0] == column.hash[3]
    expected = dict(zip(hash_texts(known := ["a", "bb", "x" * 9, "x" * 8, "é", ""]).tolist(), known, strict=True))
    assert column.distinct() == expected
    assert column.distinct(np.array([0, 2, 3])) == {hash_texts(["a"])[0]: "a"}


def test_hashes_of_many_short_texts_do_not_collide():
    assert len(set(hash_texts([f"{i}" for i in range(50_000)]).tolist())) == 50_000


def test_whole_numbers_of_a_mixed_union_are_exact_and_also_reals():
    schema = record(("x", ["long", "double"]))
    big = 2**62 + 1
    column = compile_schema(schema).decode([encode(schema, {"x": value}) for value in (big, 0.5)]).column("x")

    assert [column.value(i) for i in range(2)] == [big, 0.5]
    assert column.numbers().tolist() == [float(big), 0.5]


def test_numbers_of_integers_and_of_texts():
    schema = record(("i", "long"), ("b", "boolean"), ("s", "string"))
    columns = compile_schema(schema).decode([encode(schema, {"i": 3, "b": True, "s": "x"})])

    assert [columns.column(name).numbers()[0] for name in "ibs"] == [3.0, 1.0, 0.0]
    assert [bool(columns.column(name).numeric[0]) for name in "ibs"] == [True, True, False]
    assert columns.column("i").distinct() == {}


def test_header_bytes_are_skipped_and_a_message_shorter_than_its_header_is_refused():
    columns = compile_schema(record(("x", "long"))).decode([b"0123456789" + zigzag(5), b"01234", b"0123456789"], skip=10)

    assert columns.error.tolist() == [RowError.OK, RowError.TRUNCATED, RowError.TRUNCATED]
    assert columns.column("x").value(0) == 5


def test_no_rows_and_no_fields_are_a_batch_too():
    assert len(compile_schema(record(("x", "long"))).decode([])) == 0
    assert compile_schema(record()).decode([b"", b"\0"]).ok.tolist() == [True, False]


def test_logical_types_are_raw_values_also_for_rare_keys():
    day = {"type": "int", "logicalType": "date"}
    schema = record(("t", {"type": "long", "logicalType": "timestamp-micros"}), ("m", {"type": "map", "values": day}))
    plain = record(("t", "long"), ("m", {"type": "map", "values": "int"}))
    rows = [{"t": i, "m": {f"k{i}": i}} for i in range(300)]

    columns = compile_schema(schema).decode([encode(plain, row) for row in rows])

    assert [columns.row(i) for i in range(300)] == rows


def test_named_types_may_be_used_again():
    enum = {"type": "enum", "name": "E", "symbols": ["A", "B"]}
    schema = record(("x", enum), ("y", "E"), ("z", ["null", "E"]))

    columns = compile_schema(schema).decode([encode(schema, {"x": "A", "y": "B", "z": "B"})])

    assert columns.row(0) == {"x": "A", "y": "B", "z": "B"}
    assert columns.column("y").distinct() == {hash_texts(["B"])[0]: "B"}


@pytest.mark.parametrize(
    "kind",
    [
        {"type": "array", "items": "null"},
        {"type": "array", "items": {"type": "fixed", "name": "F", "size": 0}},
        {"type": "array", "items": {"type": "array", "items": "long"}},
        {"type": "map", "values": {"type": "map", "values": "long"}},
        ["null", record(("x", "long"), name="N")],
        ["null", "string", {"type": "map", "values": "long"}],
        [{"type": "array", "items": "long"}, {"type": "map", "values": "long"}],
        ["null", "R"],
        [],
        "unheard-of",
    ],
)
def test_a_schema_that_is_not_taken_is_named_when_it_is_compiled(kind):
    with pytest.raises(UnsupportedSchema):
        compile_schema(record(("x", kind)))


def test_a_message_is_a_record():
    with pytest.raises(UnsupportedSchema, match="is a record"):
        compile_schema({"type": "map", "values": "long"})


def test_asking_for_the_wrong_shape_says_what_it_is():
    columns = compile_schema(record(("x", "long"), ("m", {"type": "map", "values": "long"}))).decode([])
    for ask, name in ((columns.column, "m"), (columns.map, "x"), (columns.array, "x")):
        with pytest.raises(TypeError, match="is a"):
            ask(name)


def test_program_is_the_type_of_a_compiled_schema():
    assert isinstance(compile_schema(record(("x", "long"))), Program)
    assert isinstance(compile_schema(record(("x", "long"))).decode([zigzag(1)]).column("x"), Column)


def test_a_batch_that_is_still_held_is_not_overwritten_by_the_next_one():
    schema = record(("x", "double"), ("s", "string"))
    program = compile_schema(schema)
    first = program.decode([encode(schema, {"x": 1.0, "s": "first"})])

    program.decode([encode(schema, {"x": 2.0, "s": "second"})])

    assert first.row(0) == {"x": 1.0, "s": "first"}
