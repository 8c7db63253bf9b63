"""Episodes: drift that began, changed and ended, instead of an alarm per window."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from driftline.drift import risk
from driftline.drift.calibration.alarms import LASTING_SHIFT
from driftline.envelope import deterministic_id
from driftline.events import (
    ClearedReason,
    ColumnDrift,
    DriftCleared,
    DriftDetected,
    Measure,
    Reference,
    WindowReport,
)
from driftline.wording import amount

__all__ = ["CLEAN_WINDOWS", "Episode", "EpisodeKey", "drifts_of", "failing_checks", "follow", "supersede"]

CLEAN_WINDOWS = 2
"""Complete clean windows that end an episode."""


class EpisodeKey(NamedTuple):
    """Identity of an episode within its model."""

    model_version: str
    slice: str
    granularity: str
    kind: str
    reference: Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """An open episode."""

    episode_id: str
    sequence: int
    """Of its last event, from 1."""
    since: int
    """Start of the first drifting window."""
    last_start: int
    last_end: int
    """The last window that was decided on."""
    severity: str
    failing: tuple[tuple[str | None, str], ...]
    """(column, measure) of the checks that failed last."""
    alert: bool
    clean: int = 0
    """Complete clean windows in a row."""


def follow(
    episode: Episode | None,
    key: EpisodeKey,
    report: WindowReport,
    checks: Sequence[Measure],
    *,
    alert: bool,
    tested: bool = False,
) -> tuple[Episode | None, DriftDetected | DriftCleared | None]:
    """Return the episode after one more decided window, and the event that tells of it.

    `checks` are the window's measures of the episode's family; one without a limit or value is no data, which neither
    fails nor cleans. `tested`: under a tolerance, where a psi without a limit says that the column's rows were too few, or too
    much alike, to tell; that is no data either. `report` carries the decision: rows, completeness, risk.
    """
    known = [check for check in checks if check.limit is not None and check.value is not None]
    failing = failing_checks(known)
    if failing:
        return _drifting(episode, key, report, failing, known, alert=alert)
    if episode is None or not _clean(episode, report, checks, known, tested=tested):
        return episode, None
    if episode.clean + 1 < CLEAN_WINDOWS:
        return replace(episode, clean=episode.clean + 1, last_start=report.start, last_end=report.end), None
    ended = replace(episode, last_start=report.start, last_end=report.end)
    return None, _cleared(ended, key, report.model_id, ClearedReason.CLEAN)


def failing_checks(checks: Iterable[Measure]) -> list[Measure]:
    """Return the checks that failed, worst first."""
    return sorted((check for check in checks if check.violated), key=_worst_first)


def drifts_of(failing: Iterable[Measure]) -> tuple[ColumnDrift, ...]:
    """Return failing checks as events tell them."""
    return tuple(
        ColumnDrift(
            column=check.column,
            measure=check.name,
            value=_number(check.value),
            limit=_number(check.limit),
            p_value=check.p_value,
        )
        for check in failing
    )


def supersede(episode: Episode, key: EpisodeKey, model_id: str) -> DriftCleared:
    """End an episode whose check or version no longer exists, or that alerts no more."""
    return _cleared(episode, key, model_id, ClearedReason.SUPERSEDED)


def _drifting(
    episode: Episode | None,
    key: EpisodeKey,
    report: WindowReport,
    failing: Sequence[Measure],
    known: Sequence[Measure],
    *,
    alert: bool,
) -> tuple[Episode, DriftDetected | None]:
    severity = report.severity or risk.Severity.MINIMAL.value
    names = tuple(sorted(((check.column, check.name) for check in failing), key=_name_order))
    if episode is None:
        begun = Episode(
            episode_id=deterministic_id("episode", report.model_id, *key, report.start, report.end),
            sequence=1,
            since=report.start,
            severity=severity,
            failing=names,
            alert=alert,
            last_start=report.start,
            last_end=report.end,
        )
        return begun, _detected(begun, key, report, failing, known)
    same = episode.severity == severity and _columns(episode.failing) == _columns(names)
    sequence = episode.sequence if same else episode.sequence + 1
    changed = replace(
        episode,
        sequence=sequence,
        severity=severity,
        failing=names,
        clean=0,
        last_start=report.start,
        last_end=report.end,
    )
    return changed, None if same else _detected(changed, key, report, failing, known)


def _clean(
    episode: Episode, report: WindowReport, checks: Sequence[Measure], known: Sequence[Measure], *, tested: bool
) -> bool:
    """Complete, something was checked, and nothing that failed last is merely unknown now."""
    silent = {
        (check.column, check.name)
        for check in checks
        if check.value is None or (tested and check.name == "psi" and check.limit is None)
    }
    return bool(known) and report.completeness >= 1.0 and not silent.intersection(episode.failing)


def _detected(
    episode: Episode,
    key: EpisodeKey,
    report: WindowReport,
    failing: Sequence[Measure],
    known: Sequence[Measure],
) -> DriftDetected:
    columns = drifts_of(failing)
    return DriftDetected(
        episode_id=episode.episode_id,
        sequence=episode.sequence,
        model_id=report.model_id,
        model_version=key.model_version,
        slice=key.slice,
        granularity=key.granularity,
        kind=key.kind,
        reference=key.reference,
        alert=episode.alert,
        since=episode.since,
        window_start=report.start,
        window_end=report.end,
        risk_score=report.risk_score or 0.0,
        severity=episode.severity,
        priority=risk.priority(episode.severity),
        columns=columns,
        n=report.n,
        completeness=report.completeness,
        exact=report.exact,
        monitor_version=report.monitor_version,
        baseline_id=report.baseline_id,
        summary=_summary(key, report, columns, known),
    )


def _cleared(episode: Episode, key: EpisodeKey, model_id: str, reason: ClearedReason) -> DriftCleared:
    return DriftCleared(
        episode_id=episode.episode_id,
        sequence=episode.sequence + 1,
        model_id=model_id,
        model_version=key.model_version,
        slice=key.slice,
        granularity=key.granularity,
        kind=key.kind,
        reference=key.reference,
        alert=episode.alert,
        since=episode.since,
        window_start=episode.last_start,
        window_end=episode.last_end,
        reason=reason,
    )


def _summary(key: EpisodeKey, report: WindowReport, columns: Sequence[ColumnDrift], known: Sequence[Measure]) -> str:
    worst = columns[0]
    where = f"{worst.column}: " if worst.column else ""
    drifted = len({column.column for column in columns if column.column})
    checked = len({check.column for check in known if check.column})
    share = f"{drifted} of {amount(checked, 'column')} drifted" if drifted else "the model as a whole"
    part = f", slice {key.slice}" if key.slice else ""
    return (
        f"{report.model_id} {key.model_version}{part}: {key.kind.replace('_', ' ')} drift over {key.granularity}"
        f"{_AGAINST[key.reference]}, {share}; worst is {where}{_broken(worst)}, n = {report.n}."
    )


_AGAINST = {
    Reference.BASELINE: "",
    Reference.CONSECUTIVE: " against the window before",
    Reference.SEASON: " against the same time last week",
}


def _broken(check: ColumnDrift) -> str:
    if check.measure == LASTING_SHIFT:
        return f"{check.value:.0%} of the rows of late lie where at most {check.limit:.0%} are tolerated"
    return f"{check.measure} {check.value:.4g} against a limit of {check.limit:.4g}"


def _worst_first(check: Measure) -> tuple[float, str, str]:
    """By how many times the limit is exceeded; ties by name."""
    value, limit = _number(check.value), _number(check.limit)
    excess = abs(value - limit) / abs(limit) if limit else abs(value)
    return (-excess, check.column or "", check.name)


def _name_order(name: tuple[str | None, str]) -> tuple[str, str]:
    return (name[0] or "", name[1])


def _columns(failing: Sequence[tuple[str | None, str]]) -> frozenset[str]:
    """What counts as a change: other columns; of checks without a column, other measures."""
    return frozenset(column or measure for column, measure in failing)


def _number(value: float | None) -> float:
    return 0.0 if value is None else value
