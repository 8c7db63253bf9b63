"""The page about definitions says what is so."""

import re
from pathlib import Path

import pytest

from driftline.drift.dialect import Dialect
from driftline.events import ColumnKind
from driftline.governance import definition
from driftline.governance.definition import BaselineFacts, parse_definition
from driftline.governance.periods import parse_duration

PAGE = (Path(__file__).parents[3] / "docs/reference/monitor.md").read_text(encoding="utf-8")
ROWS = {row[0]: row[1:] for row in re.findall(r"^\| `(\w+)` \| (.+) \| ?(.*) \|$", PAGE, re.MULTILINE)}
FACTS = BaselineFacts(
    {
        "tenure": ColumnKind.NUMERIC,
        "contract": ColumnKind.CATEGORICAL,
        "monthly_charges": ColumnKind.NUMERIC,
        ":prediction": ColumnKind.CATEGORICAL,
        ":score": ColumnKind.NUMERIC,
    },
    ("No", "Yes"),
)


def test_every_key_has_its_row_and_no_other():
    assert set(ROWS) == set(definition.KEYS)


@pytest.mark.parametrize("key", definition.DURATIONS)
def test_durations_have_the_stated_default(key):
    assert parse_duration(ROWS[key][1]) == definition.DURATIONS[key]


def test_the_example_is_a_definition_that_is_understood():
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    monitor = parse_definition(example, model_id="shop.churn", actor="a", baseline=FACTS, dialect=Dialect()).monitor
    assert (monitor.alert_on, monitor.time_zone, monitor.favourable) == ("1 day", "Europe/Paris", "No")
    assert [metric.name for metric in monitor.metrics][-1] == "long_customers"
