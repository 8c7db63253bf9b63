"""What decided windows say about a model: risk, band, confidence, cause."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from driftline.alerting.response.actions import Band, Category
from driftline.alerting.response.policy import ModelPolicy
from driftline.events import Decision, Measure, WindowReport

RISK_MODEL = "v2.1"
"""Version of how risk is evaluated here; recorded in every step (RSP-05)."""
TIME_WINDOW_HOURS = 6
"""Windows that end within so many hours of event time before the newest are assessed (RSP-04)."""
HYSTERESIS = 5.0
"""A band is left only below its floor less this."""
OF_WINDOWS, ENOUGH_WINDOWS = 3, 2
"""A band is entered when so many of so many windows reach it."""

_PERFORMANCE = frozenset({"performance", "performance_change", "outcome_fairness", "fairness", "business", "outcome_business"})
_MORE_IS_BETTER = ("accuracy", "f1", "balanced_accuracy", "precision", "recall", "auc", "r2")
_LESS_IS_BETTER = ("mae", "rmse", "mse", "log_loss", "brier")


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One decided window of all rows of a version."""

    model_id: str
    model_version: str
    granularity: str
    start: int
    end: int
    labelled: bool
    """Whether outcomes were known when it was decided."""
    risk: float
    n: int
    confidence: float
    """Share of what should have been seen that was: completeness, times label coverage where the verdict rests on labels; 0 where
    counts are not exact."""
    category: Category
    detectors: tuple[str, ...]
    """Where checks fail, each family and column once: measures of the same column do not count as independent."""
    feature_psi: Mapping[str, float]
    """PSI of each feature."""
    business: Mapping[str, float]
    """Business metrics of the window."""
    performance: Mapping[str, float]
    """Measures of performance of all rows."""
    performance_limits: Mapping[str, float]
    """Their limits, where they have one."""
    learnt_at: int
    """When it was learnt of; the only moment here that is not event time."""
    psi_limits: Mapping[str, float] = field(default_factory=dict)
    """The limit of each feature's PSI, where it has one."""


def bears(measure: Mapping[str, Any]) -> bool:
    """Whether `observe` looks at a measure, by its fields: at what fails, at figures of the whole table, at how far features moved."""
    family = measure["family"]
    if measure["violated"] or (measure["column"] is None and family in ("performance", "business", "outcome_business")):
        return True
    return bool(family == "feature" and measure["name"] == "psi")


def observe(report: WindowReport, now: int) -> Observation | None:
    """What a report says; None where it decides nothing, is of a slice, or has too few rows for a risk."""
    if report.decision is Decision.NONE or report.slice or report.risk_score is None:
        return None
    failing = [measure for measure in report.measures if measure.violated]
    labelled = report.decision is Decision.PERFORMANCE
    families = {measure.family for measure in failing}
    rests_on_labels = bool(families) and families <= _PERFORMANCE
    seen = report.completeness * ((report.label_coverage or 0.0) if labelled and rests_on_labels else 1.0)
    performance = _of(report.measures, "performance")
    psi = [measure for measure in report.measures if measure.family == "feature" and measure.name == "psi"]
    return Observation(
        model_id=report.model_id,
        model_version=report.model_version,
        granularity=report.granularity,
        start=report.start,
        end=report.end,
        labelled=labelled,
        risk=report.risk_score,
        n=report.n,
        confidence=seen if report.exact else 0.0,
        category=_category(families),
        detectors=tuple(sorted({f"{measure.family}:{measure.column or ''}" for measure in failing})),
        feature_psi={one.column: one.value for one in psi if one.column and one.value is not None},
        business={**_of(report.measures, "business"), **_of(report.measures, "outcome_business")},
        performance=performance,
        performance_limits={
            measure.name: measure.limit
            for measure in report.measures
            if measure.family == "performance" and measure.column is None and measure.limit is not None
        },
        learnt_at=now,
        psi_limits={one.column: one.limit for one in psi if one.column and one.limit is not None},
    )


def _of(measures: Iterable[Measure], family: str) -> dict[str, float]:
    found = (one for one in measures if one.family == family and one.column is None)
    return {one.name: one.value for one in found if one.value is not None}


def _category(families: set[str]) -> Category:
    """Bad input explains drift, drift explains bad results: but results that are bad are what must be mended."""
    if "quality" in families:
        return Category.DATA_QUALITY
    return Category.PERFORMANCE_DEGRADATION if families & _PERFORMANCE else Category.FEATURE_DRIFT


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The band that a version holds, and since when it is an incident."""

    band: Band = Band.RECORD
    since: int | None = None
    """End of the window that began the incident; None: there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What is known when it is decided."""

    newest: Observation
    band: Band
    risk: float
    """Highest of the windows assessed."""
    impact: float
    """Business impact of the newest window that has one."""
    worst_feature: tuple[str, float] | None
    """Critical feature that drifted most, with its PSI."""
    confidence: float


def chosen(granularities: Iterable[str], policy: ModelPolicy) -> str | None:
    """Which windows count: as the policy says, else of one day, else the shortest."""
    known = set(granularities)
    if policy.granularity is not None:
        return policy.granularity if policy.granularity in known else None
    return "1 day" if "1 day" in known else min(known, key=_length, default=None)


def assess(windows: Sequence[Observation], standing: Standing, policy: ModelPolicy) -> Assessment:
    """Weigh the last windows of one version and granularity, the oldest first, none twice; there is at least one."""
    newest = windows[-1]
    recent = [one for one in windows if one.end > newest.end - TIME_WINDOW_HOURS * 3_600_000_000]
    risk = max(one.risk for one in recent)
    worst = max(_critical(newest, policy).items(), key=lambda item: item[1], default=None)
    impact = next((found for one in reversed(recent) if (found := _impact(one, policy))), 0.0)
    return Assessment(
        newest=newest,
        band=band_after(windows, standing.band, policy),
        risk=risk,
        impact=impact,
        worst_feature=worst,
        confidence=min(one.confidence for one in recent),
    )


def band_after(windows: Sequence[Observation], held: Band, policy: ModelPolicy) -> Band:
    """The band after the newest window: entered with m of n windows, left below its floor less the hysteresis."""
    last = windows[-OF_WINDOWS:]
    reached = sorted((_band_of(one, policy) for one in last), reverse=True)
    entered = reached[ENOUGH_WINDOWS - 1] if len(reached) >= ENOUGH_WINDOWS else Band.RECORD
    newest = windows[-1]
    here = _band_of(newest, policy)
    if here is Band.PAUSE and len(newest.detectors) >= 2:
        entered = here
    entered = min(entered, here)
    kept = max(band for band in Band if band <= held and newest.risk >= policy.thresholds.floor(band) - HYSTERESIS)
    return max(entered, kept)


def _band_of(one: Observation, policy: ModelPolicy) -> Band:
    """By risk, and by what makes it worse than its risk says."""
    bands = [policy.thresholds.band(one.risk)]
    if _impact(one, policy) >= policy.thresholds.business_impact:
        bands.append(Band.ESCALATE)
    if any(psi >= policy.thresholds.critical_feature_drift for psi in _critical(one, policy).values()):
        bands.append(Band.EMERGENCY)
    return max(bands)


def _critical(one: Observation, policy: ModelPolicy) -> dict[str, float]:
    named = policy.critical_features
    return {column: psi for column, psi in one.feature_psi.items() if not named or column in named}


def _impact(one: Observation, policy: ModelPolicy) -> float:
    return sum(abs(one.business.get(name, 0.0)) for name in policy.impact_metrics)


def is_better_with_more(measure: str) -> bool:
    """Whether a measure of performance is better the larger it is."""
    return measure in _MORE_IS_BETTER


def degradation(now: Observation, stable: Observation | None) -> tuple[float, float]:
    """How much worse than the stable version: rate of errors (absolute), worst measure of performance (relative).

    Where nothing is known of the stable one, a measure is held against its limit.
    """
    against = stable.performance if stable is not None and stable.performance else now.performance_limits
    spike = (
        against["accuracy"] - now.performance["accuracy"] if {"accuracy"} <= against.keys() & now.performance.keys() else 0.0
    )
    worse = [0.0]
    for name in against.keys() & now.performance.keys():
        sign = 1.0 if name in _MORE_IS_BETTER else -1.0 if name in _LESS_IS_BETTER else 0.0
        if against[name]:
            worse.append(sign * (against[name] - now.performance[name]) / abs(against[name]))
    return max(0.0, spike), max(worse)


_UNITS = {"minute": 1, "hour": 60, "day": 1_440, "week": 10_080, "month": 43_200}


def _length(granularity: str) -> float:
    count, _, unit = granularity.partition(" ")
    return (float(count) if count.isdigit() else 1.0) * _UNITS.get(unit.rstrip("s"), 1_000_000)
