"""What governance does without being asked: counting what it knows, for the metrics."""

from collections import Counter

from driftline.clock import Clock
from driftline.events import MonitorState, Stage
from driftline.governance.monitors import standing
from services.governance import metrics
from services.governance.store import Store

EVERY_US = 15_000_000


class Census:
    """Sets the gauges of models, versions and monitors from time to time."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._due = 0

    def take_if_due(self) -> bool:
        """Count if the last count is older than 15 s; says whether it did."""
        now = self._clock.now_us()
        if now < self._due:
            return False
        self._due = now + EVERY_US
        self._take(now)
        return True

    def _take(self, now: int) -> None:
        models = self._store.models()
        metrics.MODELS.set(len(models))
        stages = Counter(version.stage for model in models.values() for version in model.versions.values())
        for stage in Stage:
            metrics.VERSIONS.labels(stage=stage.value).set(stages[stage])
        states = Counter(
            standing(
                applied.monitor.monitor_version,
                applied_at=applied.applied_at,
                reports=self._store.reports(applied.monitor.model_id),
                now=now,
            ).state
            for applied in self._store.current_monitors()
        )
        for state in MonitorState:
            metrics.MONITORS.labels(state=state.value).set(states[state])
