"""What governance does without being asked: counting what it knows for the metrics."""

from collections import Counter

from driftline.events import MonitorState, Stage
from driftline.governance.monitors import standing
from services.governance import metrics
from services.governance.store import Store

CENSUS_SECONDS = 15.0


def take_census(store: Store, now: int) -> None:
    """Set the gauges of models, versions and monitors. `now`: microseconds."""
    models = store.models()
    metrics.MODELS.set(len(models))
    stages = Counter(version.stage for model in models.values() for version in model.versions.values())
    for stage in Stage:
        metrics.VERSIONS.labels(stage=stage.value).set(stages[stage])
    states = Counter(
        standing(
            applied.monitor.monitor_version,
            applied_at=applied.applied_at,
            reports=store.reports(applied.monitor.model_id),
            now=now,
        ).state
        for applied in store.current_monitors()
    )
    for state in MonitorState:
        metrics.MONITORS.labels(state=state.value).set(states[state])
