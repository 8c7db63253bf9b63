"""Baselines: the reference that windows are compared with, fitted once, named by its content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from driftline.events import Baseline, ColumnKind

Values = NDArray[np.generic] | Sequence[float | str | None]


def fit_baseline(
    model_id: str,
    columns: Mapping[str, Values],
    kinds: Mapping[str, ColumnKind],
    *,
    event_times: NDArray[np.int64] | None = None,
    provenance: Mapping[str, str] | None = None,
) -> Baseline:
    """Fit the fine cells, PSI bins, categories, counts and moments of every column named in `kinds`."""
    raise NotImplementedError


def baseline_id(baseline: Baseline) -> str:
    """SHA-256 of the canonical content (the id itself left out), hex."""
    raise NotImplementedError
