"""What a check says in figures, and what many checks add up to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from driftline.events import CheckStatus, Measure

__all__ = ["Statistics", "figures"]

_COUNTED = {"feature": "input_drift_count", "prediction": "output_drift_count", "fairness": "bias_drift_count"}
"""Names of the figures that count failing columns; of other families `<family>_drift_count`."""


def figures(measures: Iterable[Measure], *, label_coverage: float | None = None) -> dict[str, float]:
    """Count failing columns (or measures of the table) of each family that was checked."""
    failing: dict[str, set[str]] = {}
    for measure in measures:
        if measure.limit is not None and measure.value is not None:
            found = failing.setdefault(measure.family, set())
            if measure.violated:
                found.add(measure.column or measure.name)
    counts = {_COUNTED.get(family, f"{family}_drift_count"): float(len(found)) for family, found in failing.items()}
    if label_coverage is not None:
        counts["label_coverage"] = label_coverage
    return dict(sorted(counts.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """All schedules and executions in a few figures."""

    total_models_configured: int
    """Models with a schedule."""
    total_models_enabled: int
    """Those of them whose schedule is not disabled."""
    total_executions: int
    """Checks that were carried out: completed or failed."""
    successful_executions: int
    failed_executions: int
    skipped_executions: int
    """Disabled, paused or without rows: they are no executions."""
    alerts_generated: int
    success_rate: float | None
    """Per cent, one decimal; None = nothing was carried out."""

    @staticmethod
    def of(*, configured: int, enabled: int, ended: Mapping[CheckStatus, int], alerts: int) -> Statistics:
        """Add up; `ended`: how many checks came to which end."""
        successful, failed = ended.get(CheckStatus.COMPLETED, 0), ended.get(CheckStatus.FAILED, 0)
        total = successful + failed
        return Statistics(
            total_models_configured=configured,
            total_models_enabled=enabled,
            total_executions=total,
            successful_executions=successful,
            failed_executions=failed,
            skipped_executions=ended.get(CheckStatus.SKIPPED, 0),
            alerts_generated=alerts,
            success_rate=round(100 * successful / total, 1) if total else None,
        )
