"""Which checks a monitor makes when it does not say otherwise, and what its own words change about them."""

from collections.abc import Mapping
from types import MappingProxyType

from driftline.events import Direction, Policy, Task, Threshold

FAMILIES = (
    *("feature", "prediction", "label", "performance", "quality", "business"),
    *("fairness", "outcome_fairness", "estimate"),
)
NEED_LABELS = frozenset({"label", "performance", "outcome_fairness"})

DEFAULT_LIMITS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "feature": {"psi": 0.25, "js": 0.15, "tv": 0.20},
        "prediction": {"psi": 0.25, "js": 0.10, "tv": 0.15},
        "label": {"js": 0.20},
        "performance": {"f1": 0.65, "precision": 0.60, "recall": 0.60, "accuracy": 0.60},
        "quality": {"null_rate_delta": 0.05},
    }
)
"""Limit by family and measure. p-values are left to those who ask for them: with enough rows any p-value is small."""

CLASSIC_LIMITS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "feature": {"js": 0.15, "chi2_pvalue": 0.05, "tv": 0.20},
        "prediction": {"js": 0.10, "tv": 0.15},
        "label": {"js": 0.20, "chi2_pvalue": 0.01},
        "performance": {"f1": 0.65, "precision": 0.60, "recall": 0.60},
    }
)
"""Those of the classic policy. Its limits of costs come with the pack of metrics `business`."""

FAIRNESS_LIMITS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "fairness": {"demographic_parity_difference": 0.10, "demographic_parity_ratio": 0.80, "consistency": 0.90},
        "outcome_fairness": {"equalized_odds_difference": 0.10, "equal_opportunity_difference": 0.10},
    }
)
"""Those of protected columns, whatever the policy: a bias of more than a tenth, and the four-fifths rule."""

DEFAULT_WEIGHTS: Mapping[str, float] = MappingProxyType(
    {"feature": 0.25, "prediction": 0.30, "label": 0.20, "performance": 0.25}
)
"""Share of each family in the risk score; the evaluator hands the weight of an absent family to the others."""

DISTANCES = frozenset(
    {
        *("psi", "js", "tv", "kl", "hellinger", "linf", "ks", "chi2", "ks_pvalue", "chi2_pvalue"),
        *("wasserstein", "wasserstein_normed"),
    }
)
"""Measures of how far a distribution has moved."""
_CLASSIFIERS = frozenset(
    {
        *("accuracy", "precision", "recall", "f1", "precision_weighted", "recall_weighted", "f1_weighted"),
        *("specificity", "balanced_accuracy", "mcc", "auc"),
    }
)
_LOSSES = frozenset({"brier", "log_loss", "ece"})
_REGRESSORS = frozenset({"mae", "mse", "rmse", "mape", "bias", "error_p05", "error_p50", "error_p95", "r2"})
MEASURES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "feature": DISTANCES,
        "prediction": DISTANCES,
        "label": DISTANCES,
        "performance": _CLASSIFIERS | _LOSSES | _REGRESSORS | {"coverage"},
        "quality": frozenset(
            {
                *("null_rate", "null_rate_delta", "nan_rate", "nan_rate_delta", "unseen_rate", "unseen_rate_delta"),
                *("below_rate", "above_rate", "out_of_range_rate", "mean", "mean_delta", "p05", "p50", "p95"),
                *("zero_rate", "zero_rate_delta", "distinct_count", "distinct_count_delta"),
                *("distinct_rate", "distinct_rate_delta", "count_delta"),
            }
        ),
        "fairness": frozenset(
            {
                *("demographic_parity_difference", "demographic_parity_ratio", "consistency"),
                *("demographic_parity_gap", "demographic_parity_gap_delta"),
            }
        ),
        "outcome_fairness": frozenset(
            {
                *("equal_opportunity_difference", "equal_opportunity_ratio"),
                *("equalized_odds_difference", "equalized_odds_ratio"),
                *("true_positive_rate", "false_positive_rate", "accuracy"),
            }
        ),
        "estimate": frozenset(
            {*("accuracy", "precision", "recall", "f1", "specificity", "balanced_accuracy", "auc"), *("mae", "mse", "rmse")}
        ),
    }
)
_BELOW = _CLASSIFIERS | {
    *("r2", "coverage", "ks_pvalue", "chi2_pvalue", "consistency", "true_positive_rate"),
    *("demographic_parity_ratio", "equal_opportunity_ratio", "equalized_odds_ratio"),
}

_OVER_ANY = ("adwin", "page_hinkley", "hddm_a", "hddm_w")
DETECTORS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"feature": (*_OVER_ANY, "kswin"), "prediction": (*_OVER_ANY, "kswin"), "performance": (*_OVER_ANY, "ddm")}
)
"""Detectors by what they may watch: DDM knows errors only, KSWIN looks at rows, of which an error is none."""
MULTIVARIATE = ("domain_classifier", "mmd", "moments")
MOST_MOMENTS = 50
"""Numeric features of which moments keeps every pair: of 50 a state takes 0.5 MB."""
DEFAULT_DETECTORS: Mapping[str, tuple[str, ...]] = MappingProxyType({"performance": ("adwin",)})
"""Of those that do not say otherwise. Means of columns move with the hour and the weekday, so they are left to those who ask."""

OTHER_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "population_stability_index": "psi",
        "js_distance": "js",
        "wasserstein_distance": "wasserstein",
        "l_infinity_distance": "linf",
        "hellinger_distance": "hellinger",
        "tv_distance": "tv",
        "chi_squared_pvalue": "chi2_pvalue",
        "f1_score": "f1",
        "roc_auc": "auc",
    }
)
"""Spellings of other tools that are understood."""

Limits = Mapping[tuple[str, str, str | None], float | None]
"""Limit by (family, measure, column); column None = every column without its own; limit None = no such check."""


def direction_of(measure: str) -> Direction:
    """The side that is a violation: distances and rates ABOVE their limit, quality of a model and p-values BELOW."""
    return Direction.BELOW if measure in _BELOW else Direction.ABOVE


def defaults_for(
    task: Task, *, labels: bool, policy: Policy = Policy.LIMITS, protected: bool = False
) -> dict[tuple[str, str, str | None], float | None]:
    """The default limits that make sense for a task: none of the outcome without labels, none of classes for a regression.

    Under a tolerance only performance and fairness have any: distances and rates of nulls are tested, so that nothing pages
    outside of the budget that a limit of theirs would.
    """
    limits = dict(CLASSIC_LIMITS if policy is Policy.CLASSIC else DEFAULT_LIMITS)
    fair = FAIRNESS_LIMITS if protected else {}
    return {
        (family, measure, None): limit
        for family, group in (limits | dict(fair)).items()
        for measure, limit in group.items()
        if (labels or family not in NEED_LABELS)
        and not (task is Task.REGRESSION and measure in _CLASSIFIERS)
        and (policy is not Policy.TOLERANCE or family == "performance" or family in fair)
    }


def to_thresholds(limits: Limits) -> tuple[Threshold, ...]:
    """The checks of a monitor, family by family, those for all columns before those for one."""
    order = {family: index for index, family in enumerate(FAMILIES)}
    present = sorted(
        ((key, limit) for key, limit in limits.items() if limit is not None),
        key=lambda item: (order[item[0][0]], item[0][1], item[0][2] or ""),
    )
    return tuple(
        Threshold(family=family, measure=measure, column=column, limit=limit, direction=direction_of(measure))
        for (family, measure, column), limit in present
    )
