"""Windows of the past that a window is compared with beside its baseline: the one before, and the same time last week.

Their counts are taken from the panes once, at the data close of the later window, and kept with it: a revision compares its new
counts with the same past. Slices are compared with their baseline only: a hundred of them would keep a hundred pasts.
"""

from __future__ import annotations

from dataclasses import replace

from driftline.drift import risk, thresholds
from driftline.drift.calibration import evidence
from driftline.drift.calibration.judge import Calibrated, Decided, restated
from driftline.drift.calibration.state import Terms
from driftline.drift.measures import between
from driftline.drift.profile import ALL_ROWS, Profile
from driftline.drift.windows.calendar import Span, preceding, week_before
from driftline.drift.windows.rules import Rules
from driftline.drift.windows.window import Before, Window
from driftline.events import FamilyLevel, Measure, Monitor, PastComparison, Reference, WindowReport

__all__ = ["asked_of", "compared", "held_against", "of_comparison", "past_of"]


def past_of(monitor: Monitor, window: Window) -> list[tuple[Reference, Span]]:
    """Return the windows of the past that a monitor version wants a window compared with."""
    key = window.key
    if key.slice != ALL_ROWS:
        return []
    wanted = [each.reference for each in monitor.references if key.granularity in each.granularities]
    spans = {
        Reference.CONSECUTIVE: lambda: preceding(key.granularity, monitor.time_zone, key.start),
        Reference.SEASON: lambda: week_before(key.granularity, monitor.time_zone, window.span),
    }
    return [(reference, spans[reference]()) for reference in wanted]


def held_against(rules: Rules, monitor: Monitor, window: Window, now: Profile, before: Before) -> Decided:
    """Return a window against one of the past as the judge wants it: unchecked distances, and counts of both."""
    layout = rules.layout(monitor.model_id, monitor.monitor_version)
    then = before.profile(layout)
    key = window.key
    return Decided(
        start=key.start,
        end=key.end,
        granularity=key.granularity,
        model_version=key.model_version,
        slice=key.slice,
        measures=between(layout, then, now),
        evidence=evidence.of_windows(layout, then, now),
        apart=False,
    )


def asked_of(policy: Calibrated, terms: Terms | None) -> Calibrated:
    """Return the policy of comparisons with the past: rows are as much alike as the window's own judgement took them to be."""
    return replace(policy, dispersions={} if terms is None else terms.dispersions)


def compared(rules: Rules, monitor: Monitor, window: Window, now: Profile) -> tuple[PastComparison, ...]:
    """Return what a report says of a window against its past. Of fewer rows than minimum n on either side, no measures."""
    return tuple(_comparison(rules, monitor, window, now, before) for before in window.past)


def of_comparison(report: WindowReport, found: PastComparison, monitor: Monitor) -> WindowReport:
    """Return a report as an episode of a comparison follows it: with the risk that its own checks make."""
    scored = risk.score(found.measures, monitor.weights)
    severity = None if scored.severity is None else scored.severity.value
    return replace(report, risk_score=scored.score, severity=severity)


def _comparison(rules: Rules, monitor: Monitor, window: Window, now: Profile, before: Before) -> PastComparison:
    levels = {} if before.terms is None else before.terms.levels
    enough = min(before.rows, now.rows) >= monitor.minimum_n
    return PastComparison(
        reference=before.reference,
        start=before.span.start,
        end=before.span.end,
        n=before.rows,
        cells=before.cells,
        sums=before.sums,
        levels=tuple(FamilyLevel(family=family, alpha=alpha) for family, alpha in sorted(levels.items())),
        measures=_measures(rules, monitor, window, now, before) if enough else (),
    )


def _measures(rules: Rules, monitor: Monitor, window: Window, now: Profile, before: Before) -> tuple[Measure, ...]:
    """Most revisions change labels only: the last ones are remembered."""
    held_to = None if before.terms is None else before.terms.to_bytes()
    past = before.rows, before.cells, before.sums, held_to
    key = (monitor.model_id, monitor.monitor_version, now.rows, *now.encode(), *past)
    return rules.restated(key, lambda: _checked(rules, monitor, window, now, before))


def _checked(rules: Rules, monitor: Monitor, window: Window, now: Profile, before: Before) -> tuple[Measure, ...]:
    asked = held_against(rules, monitor, window, now, before)
    policy = rules.policy_of_past(monitor)
    if policy is None:
        return thresholds.check(asked.measures, monitor.thresholds)
    if before.terms is None:
        return asked.measures
    return restated(policy, before.terms, asked)
