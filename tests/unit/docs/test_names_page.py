"""docs/reference/names.md names what there is."""

import re
from importlib import import_module
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "names.md"
ROWS = re.findall(r"^\| `(\w+)` \| `([\w.]+)` \|", PAGE.read_text(), re.MULTILINE)


def found(path: str) -> object:
    """What a dotted path leads to: a module as far as there is one, then attributes."""
    words = path.split(".")
    for count in range(len(words), 0, -1):
        try:
            thing: object = import_module(".".join(words[:count]))
        except ModuleNotFoundError:
            continue
        for word in words[count:]:
            thing = getattr(thing, word)
        return thing
    raise AssertionError(path)


@pytest.mark.parametrize(("elsewhere", "here"), ROWS)
def test_every_name_leads_somewhere(elsewhere, here):
    assert found(here) is not None


def test_the_ten_names_of_a_drift_package_are_there():
    assert {name for name, _ in ROWS} >= {
        "DriftDetector", "DriftReport", "PopulationStabilityIndex", "KLDivergence", "AlertLevel",
        "DriftType", "SafetySeverity", "DriftMetric", "BiasMetric", "SafetyEvent",
    }  # fmt: skip
