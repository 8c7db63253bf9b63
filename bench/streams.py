"""Streams whose drifts are known: SineClusters and WaveformDrift2 of the DFKI benchmark, rebuilt from their descriptions.

Lukats, Zielinski, Hahn and Stahl, "A benchmark and survey of fully unsupervised concept drift detectors on real-world data
streams", International Journal of Data Science and Analytics, 2024 (doi 10.1007/s41060-024-00620-y). Their draws may come in
another order, so these are streams of the same law, not the same rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["EVERY", "ROWS", "drifts", "sine_clusters", "waveform_drift"]

Floats = NDArray[np.float64]

EVERY, ROWS = 5_000, 154_987
_PERIOD = 500
_BASES, _COLUMNS = 4, 21
_PEAKS = (6, 14, 10)
"""Of the three hats of Breiman's waveforms."""


def drifts(*, listed: bool = False) -> list[int]:
    """Rows at which the law changes. The published list leaves out the last one, at 150,000, which is in the stream."""
    found = list(range(EVERY, ROWS, EVERY))
    return found[:-1] if listed else found


def sine_clusters(seed: int = 531874) -> Floats:
    """Four columns on circles of 500 rows: the relation of the first two to the others changes every 5,000 rows."""
    random = np.random.default_rng(seed)
    phase = 2 * np.pi * np.arange(ROWS) / _PERIOD
    sine, cosine = np.sin(phase), np.cos(phase)
    first_two = ((sine, cosine), (-sine, cosine), (-cosine, -cosine))
    concepts = _concepts(random, len(first_two))
    rows = np.empty((ROWS, _BASES))
    for at, pair in enumerate(first_two):
        chosen = concepts == at
        rows[chosen] = np.column_stack((*pair, sine, cosine))[chosen]
    return rows + random.normal(0, 0.25, rows.shape)


def waveform_drift(seed: int = 2401137) -> Floats:
    """Breiman's waveforms in 21 columns, whose hats h become one of h, h + 6, 6 - h and -h every 5,000 rows."""
    random = np.random.default_rng(seed)
    hats = np.maximum(6 - np.abs(np.arange(_COLUMNS) - np.array(_PEAKS)[:, None]), 0).astype(np.float64)
    variants = np.stack((hats, hats + 6, 6 - hats, -hats))
    concepts = _concepts(random, len(variants))
    pair = np.array(((0, 1), (0, 2), (1, 2)))[random.integers(0, 3, ROWS)]
    share = random.random((ROWS, 1))
    mixed = share * variants[concepts, pair[:, 0]] + (1 - share) * variants[concepts, pair[:, 1]]
    return mixed + random.normal(size=mixed.shape)


def _concepts(random: np.random.Generator, count: int) -> NDArray[np.int64]:
    """Concept of each row: every 5,000 rows one other than before."""
    found = np.empty(ROWS, np.int64)
    now = 0
    for start in range(0, ROWS, EVERY):
        if start:
            now = int(random.choice([other for other in range(count) if other != now]))
        found[start : start + EVERY] = now
    return found
