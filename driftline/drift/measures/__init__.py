"""How far the rows of a window are from their baseline: measures of counts, by column.

Names of measures stand for one variant each: psi:quantile10, js:quantile10:base2:sqrt, tv:quantile10 and
chi2:two-sample on the baseline's deciles (on the values of a categorical column), ks:fine64 on the fine cells.
"""

from driftline.drift.measures.columns import compare, inputs

__all__ = ["compare", "inputs"]
