"""One row, two rows."""

import pytest

from driftline.wording import amount


@pytest.mark.parametrize(("number", "said"), [(0, "0 rows"), (1, "1 row"), (1.5, "1.5 rows"), (2, "2 rows")])
def test_one_is_no_plural(number: float, said: str) -> None:
    assert amount(number, "row") == said


@pytest.mark.parametrize(("one", "many"), [("entry", "entries"), ("day", "days"), ("newer entry", "newer entries")])
def test_regular_plurals_are_made(one: str, many: str) -> None:
    assert amount(2, one) == f"2 {many}"


def test_other_plurals_are_taken_as_they_are_given() -> None:
    assert amount(1, "entry is", "entries are") == "1 entry is"
    assert amount(2, "entry is", "entries are") == "2 entries are"


def test_numbers_are_written_as_asked() -> None:
    assert amount(3000, "row", form=",") == "3,000 rows"
