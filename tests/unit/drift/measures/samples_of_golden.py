"""The samples that the golden values were computed on, from one numpy.random.RandomState(20261120), in this order."""

from functools import cache
from typing import Any

import numpy as np


@cache
def golden_samples():
    """Reference and current values by name; the last three are parts of the others."""
    r = np.random.RandomState(20261120)
    samples: dict[str, Any] = {}
    samples["num"] = r.normal(0, 1, 2000), r.normal(0.2, 1.1, 1500)
    samples["exp"] = r.exponential(1, 2000), r.exponential(1.3, 1500)
    samples["cat"] = (
        r.choice(list("abcd"), 2000, p=[0.5, 0.3, 0.15, 0.05]),
        r.choice(list("abce"), 1500, p=[0.45, 0.33, 0.17, 0.05]),
    )
    samples["disc"] = r.poisson(3, 2000), r.poisson(3.3, 1500)
    samples["cat_known"] = samples["cat"][0], samples["cat"][1][samples["cat"][1] != "e"]
    samples["cat_two"] = tuple(side[np.isin(side, ["a", "b"])] for side in samples["cat"])
    samples["disc_low"] = tuple(side[side < 8] for side in samples["disc"])
    return samples
