"""Business metrics in SQL: definitions compiled to partials that add, like every other count of a window.

    program = compile_metrics(metrics, columns_of(monitor), typical=means_of_baseline)
    part = program.inputs.partial({"amount": numbers(...), ":prediction": texts(...)}, rows)
    total = Partial.total(program.inputs.room, parts)      # any order, any process, any number of times cut
    values = program.finish(total, pairs_total)            # name and column -> MetricValue

A program has two plans. `program.inputs` counts every row; `program.pairs` counts the rows whose label came in time, and
every metric that looks at {{label_col}} lives there: a row without a label is neither right nor wrong. `finish` tells of
each value on how many rows it stands (`n`) and, where it needs labels, which share of the window that is (`coverage`).

How the parts of drift use it:

- `driftline.drift.profile.Layout` holds the program of a monitor and its baseline, and `program.digest` is part of its hash; a book that
  is asked to (`driftline.drift.dialect`) rejects a monitor whose metrics do not compile, with the place of the fault.
- Every profile has a partial beside its cells: of `inputs` by `Tally` (stage profile), of `pairs` by `count_pairs` (stage join). It travels in
  `PaneProfile.metrics`, adds as the cells do, and is kept in panes and reports.
- Stage join remembers of each prediction the columns that `pairs` looks at (`packing`). Plans of pairs have no minimum and no maximum, so that
  a changed label is a partial less and a partial more.
- `driftline.drift.windows.business` makes measures of them at the two decisions: of inputs at data close, of pairs at label close, drift
  metrics against the baseline (`reference`) and the window before, limits by `judge`.

Exact: counts, and sums up to the order of additions (1e-9 of the sum of sizes). Not offered, since they do not add up:
percentiles, medians, distinct counts. Where SQL engines differ, this one does as Spark without ANSI mode does: x / 0, the root
of a negative and the logarithm of no positive number are NULL; NaN in the data is NULL; AVG and SUM of nothing are NULL and
COUNT of nothing is 0; GREATEST and LEAST pass over NULL; a cast to an integer cuts; rounding is half away from zero.
"""

from driftline.drift.sqlmetrics.compiler import compile_metrics
from driftline.drift.sqlmetrics.errors import MetricRefused, Problem
from driftline.drift.sqlmetrics.limits import Band, Verdict, band_of, judge, judged_number
from driftline.drift.sqlmetrics.packs import PACKS, Pack, pack
from driftline.drift.sqlmetrics.plan import Plan
from driftline.drift.sqlmetrics.program import Compiled, Key, MetricValue, NoValue, Program
from driftline.drift.sqlmetrics.schema import columns_of
from driftline.drift.sqlmetrics.vectors import Numbers, Texts, Type, null_vector, numbers, texts, vector_of

__all__ = [
    "PACKS",
    "Band",
    "Compiled",
    "Key",
    "MetricRefused",
    "MetricValue",
    "NoValue",
    "Numbers",
    "Pack",
    "Plan",
    "Problem",
    "Program",
    "Texts",
    "Type",
    "Verdict",
    "band_of",
    "columns_of",
    "compile_metrics",
    "judge",
    "judged_number",
    "null_vector",
    "numbers",
    "pack",
    "texts",
    "vector_of",
]
