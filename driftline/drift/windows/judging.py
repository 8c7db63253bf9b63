"""The two decisions under a monitor's policy: what they look at, and what they leave for the next window.

Data closes and label closes follow clocks of their own. What one of them has learned must not depend on how far the other has
come, so each has a past of its own; only alpha sequences are kept together, since the two decide on different families.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from driftline.drift.calibration import judge as calibration
from driftline.drift.calibration.evidence import Evidence
from driftline.drift.calibration.state import Past, Sequences
from driftline.drift.calibration.state import State as Known
from driftline.drift.profile import ALL_ROWS, Profile
from driftline.drift.windows import business
from driftline.drift.windows.references import asked_of, held_against, past_of
from driftline.drift.windows.report import Sums, business_measures, decided, evidence_of_inputs, evidence_of_labels, inputs_of
from driftline.drift.windows.rules import Rules
from driftline.drift.windows.state import AlphaKey, Model, PastKey, Remembered, Side, State
from driftline.drift.windows.window import Before, Window
from driftline.events import Measure, Monitor

__all__ = ["Judge"]


@dataclass(frozen=True, slots=True)
class Judge:
    """Decides, and remembers. Under limits there is nothing to remember: measures come back as they are."""

    state: State
    rules: Rules

    def inputs(self, model: Model, window: Window, sums: Sums) -> tuple[Measure, ...]:
        """Decide at data close. `window.terms` hold afterwards what it was held to."""
        monitor = self.rules.monitor(model.model_id, window.monitor_version)
        self.hold(model, window, Side.INPUTS)
        measures = (
            *self.rules.inputs(monitor, *sums.inputs.encode(), sums.inputs),
            *self.rules.fairness(monitor, sums.slices),
            *business_measures(self.rules, monitor, window, sums, Side.INPUTS),
        )
        self._remember(model, monitor, window, sums, Side.INPUTS)
        evidence = evidence_of_inputs(self.rules, monitor, sums)
        return self._judged(model, window, Side.INPUTS, measures, evidence=evidence)

    def labels(
        self, model: Model, window: Window, sums: Sums, measures: Sequence[Measure], earlier: Sequence[Measure]
    ) -> tuple[Measure, ...]:
        """Decide at label close on `measures`, after `hold`; `earlier` are the inputs' as the first decision left them."""
        monitor = self.rules.monitor(model.model_id, window.monitor_version)
        self._remember(model, monitor, window, sums, Side.LABELS)
        evidence = evidence_of_labels(self.rules, monitor, sums)
        return self._judged(model, window, Side.LABELS, measures, evidence=evidence, earlier=earlier)

    def past(self, model: Model, window: Window, sums: Sums) -> None:
        """Take what the window is compared with beside the baseline, after `inputs`, and decide on that under a tolerance."""
        monitor = self.rules.monitor(model.model_id, window.monitor_version)
        layout = self.rules.layout(model.model_id, window.monitor_version)
        found = []
        for reference, span in past_of(monitor, window):
            then = inputs_of(model, window.series, span, layout)
            before = Before(reference, span, then.rows, *then.encode())
            enough = then.rows >= monitor.minimum_n
            found.append(self._against(model, monitor, window, sums.inputs, before) if enough else before)
        window.past = tuple(found)

    def _against(self, model: Model, monitor: Monitor, window: Window, now: Profile, before: Before) -> Before:
        policy = self.rules.policy_of_past(monitor)
        if policy is None:
            return before
        alpha: AlphaKey = (window.key.granularity, before.reference.lower())
        asked = held_against(self.rules, monitor, window, now, before)
        known = Known(model.alphas.get(alpha, Sequences()))
        verdict = calibration.judge(asked_of(policy, window.terms), known, asked)
        model.alphas[alpha] = verdict.state.sequences
        self.state.save_alpha(model, alpha)
        return replace(before, terms=verdict.terms)

    def hold(self, model: Model, window: Window, side: Side) -> None:
        """Hold the business metrics of a window against what was decided before it, from now on."""
        monitor = self.rules.monitor(model.model_id, window.monitor_version)
        layout = self.rules.layout(model.model_id, window.monitor_version)
        if layout.program is not None:
            window.held[side] = business.held(monitor, layout, window, model.metered.get(_series(window, side)))

    def _remember(self, model: Model, monitor: Monitor, window: Window, sums: Sums, side: Side) -> None:
        layout, series = self.rules.layout(model.model_id, window.monitor_version), _series(window, side)
        known = model.metered.get(series)
        found = business.remembered(monitor, layout, window, known, side, inputs=sums.inputs, pairs=sums.in_time)
        if found is not None:
            model.metered[series] = found
            self.state.save_metered(model, series)

    def _judged(
        self,
        model: Model,
        window: Window,
        side: Side,
        measures: Sequence[Measure],
        *,
        evidence: Evidence,
        earlier: Sequence[Measure] = (),
    ) -> tuple[Measure, ...]:
        monitor = self.rules.monitor(model.model_id, window.monitor_version)
        policy = self.rules.policy(monitor, window.key.slice)
        if policy is None:
            return tuple(measures)
        key = window.key
        alpha: AlphaKey = (key.granularity, "slices" if key.slice != ALL_ROWS else "rows")
        past = _series(window, side)
        layout = self.rules.layout(model.model_id, window.monitor_version).hash
        before = Known(model.alphas.get(alpha, Sequences()), _past(model.pasts.get(past), layout))
        verdict = calibration.judge(policy, before, decided(window, measures, evidence, monitor, earlier))
        if verdict.state.sequences != before.sequences:
            model.alphas[alpha] = verdict.state.sequences
            self.state.save_alpha(model, alpha)
        model.pasts[past] = Remembered(layout, verdict.state.past)
        self.state.save_past(model, past)
        window.terms = verdict.terms if window.terms is None else window.terms.joined(verdict.terms)
        if isinstance(policy, calibration.Classic):
            window.score = verdict.risk.score
        return verdict.measures


def _series(window: Window, side: Side) -> PastKey:
    return window.key.model_version, window.key.slice, window.key.granularity, side


def _past(found: Remembered | None, layout: str) -> Past:
    """Counts of another layout say nothing about those of this one; violations do."""
    if found is None:
        return Past()
    return found.past if found.layout == layout else Past(windows=found.past.windows)
