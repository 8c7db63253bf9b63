"""How far the rows of a window are from their baseline, column by column.

`inputs` measures a window's counts, as the stream has them, `between` those of two windows; `measure` two columns of raw values, by the name of the variant.
`registry.TABLE` lists all there are.
"""

from driftline.drift.measures.columns import between, compare, inputs
from driftline.drift.measures.registry import TABLE, Entry, Found, Takes, measure
from driftline.drift.measures.samples import Kind, Sample, sample

__all__ = ["TABLE", "Entry", "Found", "Kind", "Sample", "Takes", "between", "compare", "inputs", "measure", "sample"]
