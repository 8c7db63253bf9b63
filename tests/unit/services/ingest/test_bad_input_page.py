"""The page on bad input names tests; they have to be there."""

import re
from pathlib import Path

from driftline.errors import Reason

ROOT = Path(__file__).resolve().parents[4]
PAGE = ROOT / "docs" / "reference" / "bad-input.md"
CELL = re.compile(r"`(tests/[\w/]+\.py)?::(\w+)`")


def rows():
    return [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ") and "---" not in line]


def test_every_test_that_the_page_names_exists():
    named, file = 0, ""
    for row in rows():
        for path, test in CELL.findall(row):
            file = path or file  # `::test` is in the file that was named last
            assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), f"{file} has no {test}"
            named += 1
    assert named >= 20


def test_every_row_names_a_test_or_says_that_it_is_the_one_above():
    body = [row for row in rows() if not row.startswith("| input")]
    assert body
    for row in body:
        assert "::" in row or "| the same" in row, row


def test_every_reason_that_the_page_gives_is_one():
    known = {reason.value for reason in Reason}
    for row in rows():
        for code in re.findall(r"(?:dead letter|row:) `(\w+)`", row):
            assert code in known, code
