"""Windows as they would come: seeded, of equal or shifted columns."""

import numpy as np
from scipy import stats

from driftline.drift.calibration.evidence import ColumnCounts, Evidence, RateCounts
from driftline.drift.calibration.judge import Calibrated, Decided, judge
from driftline.drift.calibration.plan import Plan
from driftline.drift.calibration.state import State
from driftline.drift.calibration.tolerance import Tolerance
from driftline.events import Measure

HOUR = 3_600_000_000
DECILES = np.full(10, 0.1)


def shifted(sigmas):
    """Shares of the deciles of N(0, 1) under N(sigmas, 1)."""
    edges = stats.norm.ppf(np.arange(1, 10) / 10)
    return np.diff([0, *stats.norm.cdf(edges - sigmas), 1])


def names(columns):
    return [f"x{i:02}" for i in range(columns)]


def calibrated(psi=0.1, pages=1.0, families=("feature",)):
    return Calibrated(Plan(Tolerance(pages, psi), families), dict.fromkeys(families, 1.0))


def decided(hour, baseline, current, rates=()):
    """A window of one hour: counts of deciles by column."""
    columns = names(len(baseline))
    counts = [ColumnCounts("feature", name, b, c, ordered=True) for name, b, c in zip(columns, baseline, current, strict=True)]
    measures = [Measure(family="feature", name="psi", column=name, value=0.0) for name in columns]
    measures += [Measure(family=name.family, name=name.measure, column=name.column, value=hits / n) for name, hits, n in rates]
    found = tuple(RateCounts(name, (10, 10_000), (hits, n)) for name, hits, n in rates)
    return Decided(
        start=hour * HOUR,
        end=(hour + 1) * HOUR,
        granularity="1 hour",
        model_version="1",
        measures=tuple(measures),
        evidence=Evidence(tuple(counts), found),
    )


def week(random, policy, *, hours=168, columns=20, n=1000, m=10_000, drifted=0, sigmas=0.0, since=100):
    """The columns that alarmed, hour by hour."""
    baseline, shares, state, told = random.multinomial(m, DECILES, columns), shifted(sigmas), State(), []
    for hour in range(hours):
        current = random.multinomial(n, DECILES, columns)
        if hour >= since:
            current[:drifted] = random.multinomial(n, shares, drifted)
        verdict = judge(policy, state, decided(hour, baseline, current))
        state = verdict.state
        told.append({alarm.column for alarm in verdict.alarms})
    return told
