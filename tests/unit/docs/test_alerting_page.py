"""The example of the alerting page is a configuration, and does what the page says."""

import re
from pathlib import Path

from driftline.alerting.config import load
from driftline.alerting.config_receivers import INTEGRATIONS

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "reference" / "alerting-configuration.md").read_text(encoding="utf-8")


def test_the_example_is_read_without_a_warning():
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert example
    routing = load(example[1])
    assert routing.warnings == ()
    labels = {"priority": "critical", "alert_type": "data_quality", "model_id": "m"}
    assert [route.receiver for route in routing.root.match(labels)] == ["pager", "team"]


def test_every_integration_is_named():
    assert all(f"`{section}`" in PAGE for section in INTEGRATIONS)


def test_every_example_is_read():
    examples = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert len(examples) > 1
    (macros,) = re.findall(r"```jinja\n(.*?)```", PAGE, re.DOTALL)
    for example in examples:
        load(example, templates=lambda _: {"team.j2": macros})
