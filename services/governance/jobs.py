"""What governance does without being asked: counting what it knows, for the metrics, and evaluating what is required of models."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol

import structlog

from driftline.clock import Clock
from driftline.events import MonitorState, Stage
from driftline.governance.compliance.report import assess, reason_to_report, told
from driftline.governance.monitors import standing
from services.governance import metrics
from services.governance.adapters.journal import Proposal
from services.governance.store import Store

_LOG = structlog.get_logger("driftline.governance")

EVERY_US = 15_000_000
_LOOK_AROUND_EVERY = 40
"""Rounds of evaluation, ten minutes."""


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
        governed = self._store.declared()
        serving = (name for name, model in models.items() if any(v.stage is Stage.PRODUCTION for v in model.versions.values()))
        metrics.UNDECLARED.set(sum(not governed.get(name) for name in serving))


class Desk(Protocol):
    """Takes changes; `services.governance.consumer.Desk`."""

    def change(self, decide: Callable[[Store], Proposal[None]], actor: str | None) -> "Future[None]":
        """Ask for a change."""
        ...

    def look_around(self) -> None:
        """Note what the broker says of the topics themselves."""
        ...


class Evaluation:
    """Reports on models whose verdicts changed, or whose requirements want to be checked again."""

    def __init__(self, desk: Desk, store: Store, clock: Clock) -> None:
        self._desk = desk
        self._store = store
        self._clock = clock
        self._due = 0
        self._rounds = 0
        self._asked: dict[str, Future[Any]] = {}
        self._shown: set[str] = set()

    def take_if_due(self) -> bool:
        """Evaluate every model if the last time was more than 15 s ago; says whether it did.

        Nothing is written here: whoever takes the change decides anew, so that of several instances one reports.
        """
        now = self._clock.now_us()
        if now < self._due:
            return False
        self._due = now + EVERY_US
        self._rounds += 1
        if self._rounds % _LOOK_AROUND_EVERY == 0:
            self._desk.look_around()
        self._note_failures()
        for model_id in self._store.declared().keys() - self._asked.keys():
            if self._decided(self._store, model_id).events:
                self._asked[model_id] = self._desk.change(self._decision_on(model_id), None)
        self._show()
        return True

    def _decision_on(self, model_id: str) -> Callable[[Store], Proposal[None]]:
        return lambda store: self._decided(store, model_id)

    def _decided(self, store: Store, model_id: str) -> Proposal[None]:
        evidence = store.evidence(model_id, store.moment(model_id, self._clock.now_us()))
        assessment = assess(model_id, store.requirements(model_id), evidence)
        trigger = reason_to_report(assessment, store.compliance_report(model_id))
        return Proposal(() if trigger is None else told(assessment, trigger), None)

    def _note_failures(self) -> None:
        """Forget what was answered; what failed is evaluated again."""
        for model_id, asked in list(self._asked.items()):
            if asked.done():
                del self._asked[model_id]
                if (error := asked.exception()) is not None:
                    _LOG.warning("a model could not be reported on; it is tried again", model_id=model_id, error=str(error))

    def _show(self) -> None:
        reports = {name: one for name, one in self._store.compliance_reports().items() if one.total_checks}
        for gone in self._shown - reports.keys():
            metrics.COMPLIANCE_SCORE.remove(gone)
        for name, one in reports.items():
            metrics.COMPLIANCE_SCORE.labels(model_id=name).set(one.score)
        self._shown = set(reports)
