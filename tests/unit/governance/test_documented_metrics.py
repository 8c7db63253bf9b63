"""The definition in docs/reference/business-metrics.md is one."""

from pathlib import Path

import yaml

from driftline.drift.dialect import Dialect, explained
from driftline.events import ColumnKind
from driftline.governance.definition import BaselineFacts, parse_definition

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "business-metrics.md"
COLUMNS = {
    "monthly_charges": ColumnKind.NUMERIC,
    "tenure": ColumnKind.NUMERIC,
    "internet_service": ColumnKind.CATEGORICAL,
    ":prediction": ColumnKind.CATEGORICAL,
}


def test_the_page_shows_a_definition_that_is_understood():
    document = PAGE.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    facts = BaselineFacts(COLUMNS, ("No", "Yes"))
    found = parse_definition(document, model_id="shop.churn", actor="ann", baseline=facts, dialect=Dialect()).monitor
    assert [metric["name"] for metric in yaml.safe_load(document)["metrics"][1:]] == [each.name for each in found.metrics[2:]]
    labelled = {each["name"] for each in explained(found)["metrics"] if each["requires_label"]}
    assert labelled == {"clv_impact", "fiber_customer_accuracy", "expected_loss", "loss_per_revenue"}
    assert {each.measure for each in found.thresholds if each.family == "business"} == {
        *("expected_loss", "revenue_at_risk", "revenue_moved", "clv_impact"),
    }
