"""Every measure that a monitor may name is explained on a page, with the limit that it has by itself."""

import re
from pathlib import Path

import pytest

from driftline.drift.measures import TABLE
from driftline.governance.checks import DEFAULT_LIMITS, MEASURES

REFERENCE = Path(__file__).resolve().parents[3] / "docs" / "reference"
COLUMNS = (REFERENCE / "measures.md").read_text(encoding="utf-8")
MODEL = (REFERENCE / "model-quality.md").read_text(encoding="utf-8")
OF_COLUMNS = ("feature", "prediction", "label")


@pytest.mark.parametrize("family", MEASURES)
def test_every_measure_of_a_family_is_named(family):
    page = COLUMNS if family in (*OF_COLUMNS, "quality") else MODEL
    assert sorted(MEASURES[family] - set(re.findall(r"`(\w+)`", page))) == []


def test_the_limits_of_distances_are_those_that_hold():
    stated = dict(re.findall(r"^\| `(psi|js|tv)` .* \| ([^|]+) \|$", COLUMNS, re.MULTILINE))
    assert stated == {
        name: ", ".join(f"{limit:.2f}" if (limit := DEFAULT_LIMITS[of].get(name)) else "none" for of in OF_COLUMNS)
        for name in ("psi", "js", "tv")
    }


def test_the_example_of_a_variant_is_one():
    assert "psi:evidently" in TABLE
