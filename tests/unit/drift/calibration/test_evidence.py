"""Counts of a profile as evidence."""

import numpy as np

from driftline.drift.calibration.evidence import RateCounts, of_inputs
from driftline.drift.calibration.names import RateName
from driftline.drift.profile import Layout, Profile
from driftline.events import Baseline, BaselineColumn, ColumnKind, MonitorColumn, Part, Task
from tests.builders import monitor_of

# temp: null, nan, below, 4 fine cells, above; two PSI bins split at edge 1
TEMP = BaselineColumn(
    name="temp",
    kind=ColumnKind.NUMERIC,
    edges=(1.0, 2.0, 3.0),
    psi_edges=(1,),
    categories=(),
    counts=(10, 0, 0, 25, 25, 25, 15, 0),
    sums=(90.0, 0.0, 0.0, 0.0, 4.0),
)
LABEL = BaselineColumn(
    name=":prediction",
    kind=ColumnKind.CATEGORICAL,
    edges=(),
    psi_edges=(),
    categories=("late", "on time"),
    counts=(0, 0, 50, 50),
    sums=(),
)
BASELINE = Baseline(baseline_id="b", model_id="m", rows=100, columns=(TEMP, LABEL), provenance={})
MONITOR = monitor_of(
    task=Task.BINARY,
    columns=tuple(MonitorColumn(name=column.name, kind=column.kind) for column in (TEMP, LABEL)),
)


def test_columns_are_compared_on_their_psi_cells_and_nulls_and_oddities_as_rates():
    layout = Layout.of(MONITOR, BASELINE)
    shape = layout.shape(Part.INPUTS)
    cells = np.array([4, 1, 2, 10, 20, 30, 32, 1, 3, 7, 40, 50], np.int64)
    sums = np.zeros(shape.sums)
    found = of_inputs(layout, BASELINE, Profile(shape, rows=100, cells=cells, sums=sums))
    temp, prediction = found.columns
    assert (temp.family, temp.column, temp.ordered) == ("feature", "temp", True)
    assert temp.baseline.tolist() == [50, 40]
    assert temp.current.tolist() == [2 + 10 + 20, 30 + 32 + 1]
    assert (prediction.family, prediction.column, prediction.ordered) == ("prediction", ":prediction", False)
    assert prediction.baseline.tolist() == [0, 50, 50]
    assert prediction.current.tolist() == [7, 40, 50]
    assert found.rates == (
        RateCounts(RateName("quality", "null_rate", "temp"), (10, 100), (4, 100)),
        RateCounts(RateName("quality", "nan_rate", "temp"), (0, 100), (1, 100)),
        RateCounts(RateName("quality", "null_rate", ":prediction"), (0, 100), (3, 100)),
        RateCounts(RateName("quality", "unseen_rate", ":prediction"), (0, 100), (7, 100)),
    )
