"""How far apart groups were in the reference, and the record of how that has changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from driftline.drift.profile import BlockKind, Cut, Layout
from driftline.events import Baseline, Measure

__all__ = ["GAP", "BiasDrift", "bias_drift", "usual_gaps"]

GAP = "demographic_parity_gap"


@dataclass(frozen=True, slots=True, kw_only=True)
class BiasDrift:
    """How a group stood in the reference and stands now."""

    metric_name: str
    """demographic_parity_gap: how far its share of favourable predictions is below the largest of a group."""
    stratum_type: str
    """Attribute, such as RACE."""
    stratum_value: str
    baseline_value: float
    current_value: float


def bias_drift(measures: Iterable[Measure]) -> Iterator[BiasDrift]:
    """The records that the fairness measures of a window hold: one for each group that the reference knows."""
    found = {(measure.name, measure.column): measure.value for measure in measures}
    for (name, column), change in found.items():
        current = found.get((GAP, column))
        if name == f"{GAP}_delta" and column is not None and change is not None and current is not None:
            attribute, _, value = column.partition("=")
            yield BiasDrift(
                metric_name=GAP,
                stratum_type=attribute.upper(),
                stratum_value=value,
                baseline_value=current - change,
                current_value=current,
            )


def usual_gaps(layout: Layout, baseline: Baseline, cut: Cut, favourable: str, minimum_n: int) -> Mapping[str, float]:
    """How far the rate of each group was below the largest one; empty where the baseline holds no predictions by group.

    Groups of fewer than `minimum_n` rows are left out, as in windows.
    """
    block = layout.by_column[cut.columns[0]]
    by_class: dict[str, np.ndarray[tuple[int], np.dtype[np.int64]]] = {}
    for joint in baseline.joints:
        if joint.column == block.column:
            cells = np.zeros(layout.cells, np.int64)
            cells[block.cells] = joint.counts
            numeric = block.kind is BlockKind.NUMERIC
            by_value = block.psi_counts(cells) if numeric else cells[block.unseen + 1 : block.cells.stop]
            by_class[joint.predicted] = by_class.get(joint.predicted, np.zeros_like(by_value)) + by_value
    if favourable not in by_class:
        return {}
    rows = sum(by_class.values(), np.zeros_like(by_class[favourable]))
    places = {name: place[0] for name, place in zip(cut.names, cut.places, strict=False)}
    rates = {name: by_class[favourable][i] / rows[i] for name, i in places.items() if rows[i] >= minimum_n}
    return {name: float(max(rates.values()) - rate) for name, rate in rates.items()} if len(rates) > 1 else {}
