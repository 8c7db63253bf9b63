"""A process of its own: what evidently or nannyml take for the window of bench_measures, in the environment they resolve in.

`python measures.py nannyml|evidently ROWS COLUMNS` prints {"version": ..., what is measured: {"before": CPU seconds
of what is done once for a reference, "window": CPU seconds of each window}} and ends. It is run by an interpreter that has the peer and imports nothing
of Driftline; `python -m bench.peers` makes these environments.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

_NANNYML = ["jensen_shannon", "kolmogorov_smirnov", "wasserstein", "hellinger"]


def _frames(rows: int, columns: int) -> tuple[Any, Any]:
    """Columns like those of bench_measures: N(0, 1) in the reference, N(.05, 1) now."""
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(1)
    names = [f"x{i}" for i in range(columns)]
    before = pd.DataFrame({name: random.normal(size=rows) for name in names})
    return before, pd.DataFrame({name: random.normal(0.05, 1, rows) for name in names})


def _cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def nannyml(before: Any, now: Any) -> dict[str, Any]:
    """Measures of every column, in nannyml's ten chunks: Jensen-Shannon alone, and all four that it has for numbers."""
    import nannyml as peer  # type: ignore[import-not-found] # of another environment

    found: dict[str, Any] = {"version": peer.__version__}
    for what, methods in (("JS", ["jensen_shannon"]), ("JS, KS, W1, Hellinger", _NANNYML)):
        calculator = peer.UnivariateDriftCalculator(column_names=list(now), continuous_methods=methods)
        once = _cpu(partial(calculator.fit, before))
        found[what] = {"before": once, "window": _cpu(partial(calculator.calculate, now))}
    return found


def evidently(before: Any, now: Any) -> dict[str, Any]:
    """PSI of every column by the preset; nothing of a reference can be done ahead."""
    import evidently as peer  # type: ignore[import-not-found] # of another environment
    from evidently.presets import DataDriftPreset  # type: ignore[import-not-found] # of another environment

    report = peer.Report([DataDriftPreset(method="psi")])
    return {"version": peer.__version__, "PSI": {"before": 0.0, "window": _cpu(lambda: report.run(now, before))}}


def main(peer: str, rows: int, columns: int) -> None:
    warnings.simplefilter("ignore")
    before, now = _frames(rows, columns)
    work = {"nannyml": nannyml, "evidently": evidently}[peer]
    work(before.head(1000), now.head(1000))  # imports, and what is compiled at first use
    print(json.dumps(work(before, now)))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
