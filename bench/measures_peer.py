"""A process of its own: what evidently or nannyml take for the window of bench_measures, in the environment they resolve in.

`python measures_peer.py nannyml|evidently ROWS COLUMNS REFERENCE` prints {"seconds": CPU seconds, "version": ...} and ends. Run by the
interpreter of an environment that has the peer (DRIFTLINE_BENCH_PEERS, see bench_measures); it imports nothing of Driftline.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from typing import Any


def _frames(rows: int, columns: int, reference: int) -> tuple[Any, Any]:
    """The same columns as bench_measures: N(0, 1) before, N(.05, 1) now."""
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(1)
    names = [f"x{i}" for i in range(columns)]
    before = pd.DataFrame({name: random.normal(size=reference) for name in names})
    return before, pd.DataFrame({name: random.normal(0.05, 1, rows) for name in names})


def nannyml(before: Any, now: Any) -> str:
    """Jensen-Shannon of every column, fitted and calculated; the window is one chunk."""
    import nannyml as peer

    calculator = peer.UnivariateDriftCalculator(
        column_names=list(now), continuous_methods=["jensen_shannon"], chunk_size=max(len(now), len(before))
    )
    calculator.fit(before)
    calculator.calculate(now)
    return str(peer.__version__)


def evidently(before: Any, now: Any) -> str:
    """PSI of every column, by the statistical test itself: no report is made."""
    import evidently as peer
    from evidently.legacy.calculations.stattests import psi_stat_test
    from evidently.legacy.core import ColumnType

    for name in now:
        psi_stat_test(before[name], now[name], ColumnType.Numerical, 0.1)
    return str(peer.__version__)


def main(peer: str, rows: int, columns: int, reference: int) -> None:
    warnings.simplefilter("ignore")
    before, now = _frames(rows, columns, reference)
    work = {"nannyml": nannyml, "evidently": evidently}[peer]
    work(before.head(1000), now.head(1000))  # imports, and what is compiled at first use
    began = time.process_time()
    version = work(before, now)
    print(json.dumps({"seconds": time.process_time() - began, "version": version}))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
