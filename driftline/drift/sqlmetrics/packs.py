"""Ready-made metrics: the usual ones, packs by industry, and those whose limits follow their own history.

They name columns of an industry: a monitor without them refuses the pack, naming the column.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from driftline.errors import ConfigurationError
from driftline.events import Direction, MonitorMetric, Threshold

__all__ = ["PACKS", "Pack", "pack"]

FAMILY = "business"


@dataclass(frozen=True, slots=True)
class Pack:
    """Metrics that belong together, and the limits that they come with."""

    metrics: tuple[MonitorMetric, ...]
    thresholds: tuple[Threshold, ...] = ()


_BUSINESS = (
    MonitorMetric(
        name="expected_loss",
        definition="avg(CASE WHEN {{prediction_col}} != {{label_col}} AND {{label_col}} = 'Yes' "
        "THEN -monthly_charges ELSE 0 END)",
        description="Monthly charges lost per customer because a churner was not recognised: 0 or less.",
    ),
    MonitorMetric(
        name="revenue_at_risk",
        definition="sum(CASE WHEN {{prediction_col}} = 'Yes' THEN monthly_charges * 12 ELSE 0 END)",
        description="Yearly revenue of the customers predicted to leave. It grows with the length of the window.",
    ),
    MonitorMetric(
        name="false_positive_cost",
        definition="sum(CASE WHEN {{prediction_col}} = 'Yes' AND {{label_col}} = 'No' THEN 500 ELSE 0 END)",
        description="500 for each offer made to a customer who would have stayed. It grows with the length of the window.",
    ),
    MonitorMetric(
        name="high_value_accuracy",
        definition="sum(CASE WHEN monthly_charges > 80 AND {{prediction_col}} = {{label_col}} THEN 1 ELSE 0 END) / "
        "sum(CASE WHEN monthly_charges > 80 THEN 1 ELSE 0 END)",
        description="Share of customers paying more than 80 a month whose outcome was predicted.",
    ),
)
_COSTS = (
    Threshold(family=FAMILY, measure="expected_loss", limit=40.0, direction=Direction.MAGNITUDE),
    Threshold(family=FAMILY, measure="revenue_at_risk", limit=100_000.0, direction=Direction.MAGNITUDE, granularity="1 day"),
)
"""Of both the size counts. A sum means something for windows of one length only."""

_TELECOM = (
    MonitorMetric(
        name="clv_impact",
        definition="avg(CASE WHEN {{prediction_col}} = 'Yes' AND {{label_col}} = 'Yes' THEN monthly_charges * tenure * 0.8 "
        "WHEN {{prediction_col}} = 'No' AND {{label_col}} = 'Yes' THEN monthly_charges * tenure * -1.0 ELSE 0 END)",
        description="Lifetime value per customer: 80 % of it kept where a churner was found, all of it lost where not.",
    ),
    MonitorMetric(
        name="fiber_customer_accuracy",
        definition="sum(CASE WHEN internet_service = 'Fiber optic' AND {{prediction_col}} = {{label_col}} THEN 1 ELSE 0 END) / "
        "sum(CASE WHEN internet_service = 'Fiber optic' THEN 1 ELSE 0 END)",
        description="Share of customers on fibre whose outcome was predicted.",
    ),
)

_RETAIL = (
    MonitorMetric(
        name="purchase_impact",
        definition="avg(CASE WHEN {{prediction_col}} = 'high_value' AND actual_purchase_amount > 1000 THEN 1.0 "
        "WHEN {{prediction_col}} = 'low_value' AND actual_purchase_amount < 100 THEN 1.0 ELSE 0.0 END)",
        description="Share of customers whose predicted value showed in what they bought.",
    ),
)

_FINANCE = (
    MonitorMetric(
        name="risk_assessment_accuracy",
        definition="sum(CASE WHEN {{prediction_col}} = {{label_col}} THEN credit_limit ELSE 0 END) / sum(credit_limit)",
        description="Share of the credit granted whose risk was judged as it turned out.",
    ),
)

_HEALTHCARE = (
    MonitorMetric(
        name="missed_case_rate",
        definition="sum(CASE WHEN {{label_col}} = 'Yes' AND {{prediction_col}} != 'Yes' THEN 1 ELSE 0 END) / "
        "sum(CASE WHEN {{label_col}} = 'Yes' THEN 1 ELSE 0 END)",
        description="Share of patients with the condition whom the model passed over (1 - sensitivity).",
    ),
    MonitorMetric(
        name="false_alarm_rate",
        definition="sum(CASE WHEN {{label_col}} = 'No' AND {{prediction_col}} = 'Yes' THEN 1 ELSE 0 END) / "
        "sum(CASE WHEN {{label_col}} = 'No' THEN 1 ELSE 0 END)",
        description="Share of patients without the condition whom the model flagged (1 - specificity).",
    ),
    MonitorMetric(
        name="senior_missed_case_rate",
        definition="sum(CASE WHEN age >= 65 AND {{label_col}} = 'Yes' AND {{prediction_col}} != 'Yes' THEN 1 ELSE 0 END) / "
        "sum(CASE WHEN age >= 65 AND {{label_col}} = 'Yes' THEN 1 ELSE 0 END)",
        description="The same of patients of 65 and more, whose cases hide best behind other ones.",
    ),
    MonitorMetric(
        name="alerts_per_case",
        definition="count_if({{prediction_col}} = 'Yes') / count_if({{prediction_col}} = 'Yes' AND {{label_col}} = 'Yes')",
        description="Flagged patients a clinician sees for each who has the condition (1 / precision).",
    ),
)

_ADAPTIVE = (
    MonitorMetric(
        name="prediction_confidence",
        definition="avg(CASE WHEN prediction_probability > 0.8 OR prediction_probability < 0.2 THEN 1.0 ELSE 0.0 END)",
        description="Share of predictions that the model is sure of.",
    ),
    MonitorMetric(
        name="model_uncertainty",
        definition="avg(CASE WHEN prediction_probability BETWEEN 0.4 AND 0.6 THEN 1.0 ELSE 0.0 END)",
        description="Share of predictions that are close to a coin toss (0.4 and 0.6 included).",
    ),
)
"""Metrics that no fixed limit suits."""
_FOLLOWING = (
    Threshold(family=FAMILY, measure="prediction_confidence", limit=4.0, direction=Direction.BELOW, windows=28),
    Threshold(family=FAMILY, measure="model_uncertainty", limit=4.0, direction=Direction.ABOVE, windows=28),
)

PACKS: Mapping[str, Pack] = MappingProxyType(
    {
        "telecom": Pack(_TELECOM),
        "retail": Pack(_RETAIL),
        "finance": Pack(_FINANCE),
        "healthcare": Pack(_HEALTHCARE),
        "business": Pack(_BUSINESS, _COSTS),
        "adaptive": Pack(_ADAPTIVE, _FOLLOWING),
    }
)
"""By industry; `business` are the usual ones of customers who may leave, `adaptive` follow their own history."""


def pack(name: str) -> Pack:
    """The pack of a name. Raises ConfigurationError for one that there is not."""
    found = PACKS.get(name.strip().lower())
    if found is None:
        message = f"there is no pack of metrics for {name!r}; there is one for {', '.join(PACKS)}: name one, or write metrics"
        raise ConfigurationError(message)
    return found
