import numpy as np
import pytest

from services.ingest.api.json_columns import NEITHER, NULL, REAL, TEXT, columns_of
from services.ingest.api.recoding import UNSEEN, recode


@pytest.mark.parametrize(
    ("values", "kinds"),
    [
        ((1.5, 2), [REAL, REAL]),
        ((1, 0), [REAL, REAL]),
        ((1.0, True), [REAL, TEXT]),
        ((False, 0.0), [TEXT, REAL]),
        ((1.0, None), [REAL, NULL]),
        ((1.0, "1"), [REAL, TEXT]),
        (("1", 1.0), [TEXT, REAL]),
        (("a", ["a"]), [TEXT, NEITHER]),
        (("a", {}), [TEXT, NEITHER]),
        ((1.0, []), [REAL, NEITHER]),
        ((None, "a"), [NULL, TEXT]),
        (([], 1), [NEITHER, REAL]),
    ],
)
def test_each_value_has_the_kind_of_its_own_type_whatever_stands_beside_it(values, kinds):
    column = columns_of({"x": values, "beside": (1.0, 2.0)}, 2)["x"].column
    assert column.kind.tolist() == kinds


def test_numbers_are_exact_and_columns_keep_their_order():
    columns = columns_of({"a": (0.1, 2**53), "b": ("x", "y"), "c": (-0.0, 1e308)}, 2)
    assert list(columns) == ["a", "b", "c"]
    assert columns["a"].column.numbers().tolist() == [0.1, 2.0**53]
    assert columns["c"].column.numbers().tolist() == [-0.0, 1e308]


def test_texts_are_numbered_by_first_appearance():
    coded = columns_of({"a": ("y", "x", "y")}, 3)["a"].coded
    assert coded is not None
    assert (coded.codes.tolist(), coded.words) == ([0, 1, 0], ["y", "x"])


def test_each_cut_is_numbered_anew_and_leaves_no_trace():
    codes = np.array([[2, 0, 2, 1], [0, 0, 0, 3]], np.uint32)
    place = np.full(4, UNSEEN, np.uint32)
    out, used, counts = np.empty((2, 3), np.uint32), np.empty((2, 3), np.uint32), np.empty(2, np.int64)

    recode(codes, 1, 4, place, out, used, counts)

    assert counts.tolist() == [3, 2]
    assert out.tolist() == [[0, 1, 2], [0, 0, 1]]
    assert used[0].tolist() == [0, 2, 1]
    assert used[1, :2].tolist() == [0, 3]
    assert (place == UNSEEN).all()
