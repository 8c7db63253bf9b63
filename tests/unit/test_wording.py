"""One row, two rows."""

import pytest

from driftline.wording import counted


@pytest.mark.parametrize(("number", "said"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (3000, "3,000 rows")])
def test_one_is_no_plural(number: int, said: str) -> None:
    assert counted(number, "row", form=",") == said


def test_a_plural_of_its_own_is_taken() -> None:
    assert counted(1, "entry is", "entries are") == "1 entry is"
    assert counted(2, "entry is", "entries are") == "2 entries are"
