"""From the window reports to the story of the year: how far each column moved, month by month, and how good the model really was."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from driftline.drift.measures.psi import psi
from driftline.drift.performance import auc
from driftline.drift.profile.layout import BlockKind, Layout
from driftline.drift.profile.profile import Profile
from driftline.events import Baseline, DriftCleared, DriftDetected, Part, WindowReport
from examples.flights.model import POSITIVE


@dataclass(frozen=True, slots=True)
class Month:
    """What one month of 2013 held; the sum of its days, since everything a window counts can be added."""

    month: int
    n: int
    pairs: int
    psi: Mapping[str, float]
    """PSI against January and February, by column."""
    auc: float
    accuracy: float
    late: float
    """Share of flights that arrived late."""


@dataclass(frozen=True, slots=True)
class Episode:
    """A time during which one family of checks failed."""

    kind: str
    since: int
    until: int | None
    """End of the window that cleared it; None = still open."""
    worst: Mapping[str, float]
    """Worst value of each failing check, by column."""
    severity: str


def months(reports: Iterable[WindowReport], layout: Layout, baseline: Baseline) -> list[Month]:
    """Monthly sums of the daily windows."""
    days: dict[int, list[WindowReport]] = defaultdict(list)
    for report in reports:
        if report.granularity == "1 day":
            days[datetime.fromtimestamp(report.start / 1e6, UTC).month].append(report)
    return [_month(month, days[month], layout, baseline) for month in sorted(days) if len(days[month]) > 1]


def _month(month: int, reports: list[WindowReport], layout: Layout, baseline: Baseline) -> Month:
    inputs = Profile.total(
        layout.shape(Part.INPUTS), [Profile.decode(layout, Part.INPUTS, r.n, r.cells, r.sums) for r in reports]
    )
    pairs = Profile.total(
        layout.shape(Part.IN_TIME),
        [Profile.decode(layout, Part.IN_TIME, r.labels_in_time, r.label_cells, b"") for r in reports],
    )
    confusion = layout.pairs.confusion(pairs.cells)
    late = int(confusion[:, layout.classes.index(POSITIVE)].sum())
    negatives, positives = (layout.pairs.block(pairs.cells, side) for side in ("negatives", "positives"))
    return Month(
        month=month,
        n=inputs.rows,
        pairs=pairs.rows,
        psi=_psi_by_column(inputs.cells, layout, baseline),
        auc=auc(negatives, positives) or 0.0,
        accuracy=float(np.trace(confusion) / max(pairs.rows, 1)),
        late=late / max(pairs.rows, 1),
    )


def _psi_by_column(cells: NDArray[np.int64], layout: Layout, baseline: Baseline) -> dict[str, float]:
    values = {}
    for column, block in zip(baseline.columns, layout.blocks, strict=True):
        reference = np.zeros_like(cells)
        reference[block.cells] = column.counts
        if block.kind is BlockKind.NUMERIC:
            value = psi(block.psi_counts(reference), block.psi_counts(cells))
        else:
            value = psi(reference[block.cells][1:], cells[block.cells][1:])
        values[block.column] = value or 0.0
    return values


def episodes(events: Iterable[DriftDetected | DriftCleared]) -> list[Episode]:
    """Every episode that alerts, in order of its beginning."""
    found: dict[str, Episode] = {}
    for event in events:
        if not event.alert:
            continue
        before = found.get(event.episode_id)
        if isinstance(event, DriftCleared):
            if before is not None:
                found[event.episode_id] = Episode(before.kind, before.since, event.window_end, before.worst, before.severity)
            continue
        worst = dict(before.worst) if before else {}
        for check in event.columns:
            name = check.column or check.measure
            worse = max if check.value > check.limit else min
            worst[name] = worse(worst.get(name, check.value), check.value)
        found[event.episode_id] = Episode(event.kind, event.since, None, worst, event.severity)
    return sorted(found.values(), key=lambda episode: episode.since)
