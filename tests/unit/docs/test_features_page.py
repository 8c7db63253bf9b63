"""docs/reference/features.md is whole, and what it names exists."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "reference" / "features.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| ([A-Z0-9]{3}-\d\d) \| (.+) \| (.+) \| (.*) \|$", PAGE, re.MULTILINE)


def test_every_feature_has_one_row():
    assert len(ROWS) == 311
    assert len({row[0] for row in ROWS}) == 311


def test_what_is_not_planned_names_a_place_and_a_test():
    for identifier, _, where, test in ROWS:
        assert (where == "planned") == (test.strip() == ""), identifier


def test_every_path_that_the_page_names_exists():
    named = set(re.findall(r"`((?:tests|driftline|services|examples|docs)/[\w./-]+)`", PAGE))
    assert named
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []
