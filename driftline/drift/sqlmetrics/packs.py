"""Ready-made metrics: the usual ones, packs by industry, and those whose limits follow their own history.

They name columns of an industry. A monitor takes those that fit its columns (`compiler.fitting`) and says which do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from driftline.drift.sqlmetrics.definition import Metric
from driftline.drift.sqlmetrics.limits import Adaptive, Limit, Side
from driftline.errors import ConfigurationError

__all__ = ["ADAPTIVE", "BUSINESS", "DEFAULT_LIMITS", "PACKS", "pack"]

BUSINESS: tuple[Metric, ...] = (
    Metric(
        name="expected_loss",
        definition="avg(CASE WHEN {{prediction_col}} != {{label_col}} AND {{label_col}} = 'Yes' "
        "THEN -monthly_charges ELSE 0 END)",
        description="Monthly charges lost per customer because a churner was not recognised: 0 or less.",
    ),
    Metric(
        name="revenue_at_risk",
        definition="sum(CASE WHEN {{prediction_col}} = 'Yes' THEN monthly_charges * 12 ELSE 0 END)",
        description="Yearly revenue of the customers predicted to leave. It grows with the length of the window.",
    ),
    Metric(
        name="false_positive_cost",
        definition="sum(CASE WHEN {{prediction_col}} = 'Yes' AND {{label_col}} = 'No' THEN 500 ELSE 0 END)",
        description="500 for each offer made to a customer who would have stayed. It grows with the length of the window.",
    ),
    Metric(
        name="high_value_accuracy",
        definition="sum(CASE WHEN monthly_charges > 80 AND {{prediction_col}} = {{label_col}} THEN 1 ELSE 0 END) / "
        "sum(CASE WHEN monthly_charges > 80 THEN 1 ELSE 0 END)",
        description="Share of customers paying more than 80 a month whose outcome was predicted.",
    ),
)
"""What a monitor has that names no metrics of its own."""

_TELECOM = (
    Metric(
        name="clv_impact",
        definition="avg(CASE WHEN {{prediction_col}} = 'Yes' AND {{label_col}} = 'Yes' THEN monthly_charges * tenure * 0.8 "
        "WHEN {{prediction_col}} = 'No' AND {{label_col}} = 'Yes' THEN monthly_charges * tenure * -1.0 ELSE 0 END)",
        description="Lifetime value per customer: 80 % of it kept where a churner was found, all of it lost where not.",
    ),
    Metric(
        name="fiber_customer_accuracy",
        definition="sum(CASE WHEN internet_service = 'Fiber optic' AND {{prediction_col}} = {{label_col}} THEN 1 ELSE 0 END) / "
        "sum(CASE WHEN internet_service = 'Fiber optic' THEN 1 ELSE 0 END)",
        description="Share of customers on fibre whose outcome was predicted.",
    ),
)

_RETAIL = (
    Metric(
        name="purchase_impact",
        definition="avg(CASE WHEN {{prediction_col}} = 'high_value' AND actual_purchase_amount > 1000 THEN 1.0 "
        "WHEN {{prediction_col}} = 'low_value' AND actual_purchase_amount < 100 THEN 1.0 ELSE 0.0 END)",
        description="Share of customers whose predicted value showed in what they bought.",
    ),
)

_FINANCE = (
    Metric(
        name="risk_assessment_accuracy",
        definition="sum(CASE WHEN {{prediction_col}} = {{label_col}} THEN credit_limit ELSE 0 END) / sum(credit_limit)",
        description="Share of the credit granted whose risk was judged as it turned out.",
    ),
)

_HEALTHCARE = (
    Metric(
        name="missed_case_rate",
        definition="sum(CASE WHEN {{label_col}} = 'Yes' AND {{prediction_col}} != 'Yes' THEN 1 ELSE 0 END) / "
        "sum(CASE WHEN {{label_col}} = 'Yes' THEN 1 ELSE 0 END)",
        description="Share of patients with the condition whom the model passed over (1 - sensitivity).",
    ),
    Metric(
        name="false_alarm_rate",
        definition="sum(CASE WHEN {{label_col}} = 'No' AND {{prediction_col}} = 'Yes' THEN 1 ELSE 0 END) / "
        "sum(CASE WHEN {{label_col}} = 'No' THEN 1 ELSE 0 END)",
        description="Share of patients without the condition whom the model flagged (1 - specificity).",
    ),
    Metric(
        name="senior_missed_case_rate",
        definition="sum(CASE WHEN age >= 65 AND {{label_col}} = 'Yes' AND {{prediction_col}} != 'Yes' THEN 1 ELSE 0 END) / "
        "sum(CASE WHEN age >= 65 AND {{label_col}} = 'Yes' THEN 1 ELSE 0 END)",
        description="The same of patients of 65 and more, whose cases hide best behind other ones.",
    ),
    Metric(
        name="alerts_per_case",
        definition="count_if({{prediction_col}} = 'Yes') / count_if({{prediction_col}} = 'Yes' AND {{label_col}} = 'Yes')",
        description="Flagged patients a clinician sees for each who has the condition (1 / precision).",
    ),
)

PACKS: Mapping[str, tuple[Metric, ...]] = MappingProxyType(
    {"telecom": _TELECOM, "retail": _RETAIL, "finance": _FINANCE, "healthcare": _HEALTHCARE}
)
"""Metrics by industry."""

ADAPTIVE: Mapping[Metric, Adaptive] = MappingProxyType(
    {
        Metric(
            name="prediction_confidence",
            definition="avg(CASE WHEN prediction_probability > 0.8 OR prediction_probability < 0.2 THEN 1.0 ELSE 0.0 END)",
            description="Share of predictions that the model is sure of.",
        ): Adaptive(side=Side.BELOW),
        Metric(
            name="model_uncertainty",
            definition="avg(CASE WHEN prediction_probability BETWEEN 0.4 AND 0.6 THEN 1.0 ELSE 0.0 END)",
            description="Share of predictions that are close to a coin toss (0.4 and 0.6 included).",
        ): Adaptive(side=Side.ABOVE),
    }
)
"""Metrics that no fixed limit suits, and the limits that follow them."""

DEFAULT_LIMITS: Mapping[str, Limit] = MappingProxyType(
    {
        "expected_loss": Limit(value=40, side=Side.ABS_ABOVE),
        "revenue_at_risk": Limit(value=100_000, side=Side.ABS_ABOVE),
    }
)
"""Limits of the usual metrics; of both the size counts."""


def pack(industry: str) -> tuple[Metric, ...]:
    """The metrics of an industry. Raises ConfigurationError for one that has no pack."""
    found = PACKS.get(industry.strip().lower())
    if found is None:
        message = (
            f"there is no pack of metrics for {industry!r}; there is one for {', '.join(PACKS)}: name one, or write metrics"
        )
        raise ConfigurationError(message)
    return found
