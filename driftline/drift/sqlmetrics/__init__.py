"""Business metrics in SQL: definitions compiled to partials that add, like every other count of a window.

    program = compile_metrics(metrics, columns_of(monitor), typical=means_of_baseline)
    part = program.inputs.partial({"amount": numbers(...), ":prediction": texts(...)}, rows)
    total = Partial.total(program.inputs.room, parts)      # any order, any process, any number of times cut
    values = program.finish(total, pairs_total)            # name and column -> MetricValue

A program has two plans. `program.inputs` counts every row; `program.pairs` counts the rows whose label came in time, and
every metric that looks at {{label_col}} lives there: a row without a label is neither right nor wrong. `finish` tells of
each value on how many rows it stands (`n`) and, where it needs labels, which share of the window that is (`coverage`).

How services/drift uses it:

- The metrics are part of the monitor. Who turns a monitor into a layout compiles them (once for each monitor version), adds
  `program.digest` to the layout's hash, and rejects the monitor with the text of MetricRefused where they do not compile.
- Stage profile has, for each batch, decoded columns and the code of each row's group (stream and pane; -1 = refused):
  `vectors = {name: vector_of(column, kind) for name, kind in program.inputs.columns.items()}` and
  `program.inputs.partials(vectors, group, rows, groups)`: one partial for each profile. A column that no row has is
  `null_vector(kind, rows)`.
- Stage join remembers, of each prediction, the columns in `program.pairs.columns` (numbers as float64 with NaN for NULL, texts
  as their hash, and the texts behind the hashes of `program.pairs.spelled`), and gives the pairs that met to `program.pairs.partials`, :label among the columns. Plans of pairs have no
  minimum and no maximum, so that a changed label is `- partial(old) + partial(new)`.
- A partial travels as `partial.encode()`, beside the cells and sums of its profile, and comes back with
  `Partial.decode(plan.room, data)`; a partial of other metrics is refused by its digest.
- Stage evaluate adds partials as it adds profiles: those of panes to windows, and `finish` at each of the two decisions: at data
  close with the inputs alone, at label close with the pairs. `compare` gives the drift metrics, against the window before and
  against the baseline. `limits.judge` holds a value against its limit.

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
