"""The table of all measures: what each is called, what it takes, and where its definition comes from.

A name is `measure:variant` where systems disagree. The path says where a measure can be had: *exact* on two arrays of raw
values (`measure(name, reference, current)`), *binned* on the counts of a profile, as the stream has them, under the name that
window reports use. Variants on the baseline's deciles (or categories) are had on both, with equal values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from driftline.drift.measures import chi2, cramers_v, hellinger, js, kl, ks, linf, psi, quantiles, rates, tv, wasserstein
from driftline.drift.measures.samples import Kind, Sample, Values, samples

__all__ = ["DEFAULT_VARIANT", "TABLE", "Entry", "Found", "Takes", "entry", "measure"]

Exact = Callable[[Sample, Sample], float | tuple[float, float] | None]


class Takes(StrEnum):
    """Columns that a measure is for. Times and lengths of texts are numbers, booleans are categories."""

    NUMBERS = "numbers"
    CATEGORIES = "categories"
    BOTH = "both"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One measure."""

    name: str
    takes: Takes
    low: float = 0.0
    high: float
    symmetric: bool
    """Whether reference and current may change places, the cells being the same."""
    tested: bool = False
    """Whether it has a p-value."""
    exact: Exact | None = None
    """On two samples of raw values; None = only binned."""
    binned: Callable[..., Any] | None = None
    """On rows of counts; None = only exact."""
    reported: str | None = None
    """Name in window reports, where the stream measures it."""
    source: str

    @property
    def path(self) -> str:
        """`exact`, `binned` or `both`."""
        if self.exact is None:
            return "binned"
        return "exact" if self.reported is None else "both"


@dataclass(frozen=True, slots=True)
class Found:
    """The outcome: None where the measure has no value for these columns."""

    value: float | None
    p_value: float | None = None


DEFAULT_VARIANT = "quantile10"
"""What a bare name stands for where there is no entry of that name: the variant that the stream reports."""

_ANY, _NUMBERS, _TEXTS = Takes.BOTH, Takes.NUMBERS, Takes.CATEGORIES
_DECILES = "on the baseline's deciles or categories"


def _now(rate: Callable[[Sample], float | None]) -> Exact:
    return lambda _, current: rate(current)


def _delta(rate: Callable[[Sample], float | None]) -> Exact:
    def change(reference: Sample, current: Sample) -> float | None:
        before, after = rate(reference), rate(current)
        return None if before is None or after is None else after - before

    return change


def _quantile(level: float) -> Callable[[Sample], float | None]:
    return lambda side: quantiles.exact(side, level)


def _distance(name: str, takes: Takes, exact: Exact, high: float, source: str, **more: Any) -> Entry:
    return Entry(name=name, takes=takes, exact=exact, high=high, source=source, **{"symmetric": True} | more)


def _rates(
    name: str, takes: Takes, rate: Callable[[Sample], float | None], source: str, *, binned: bool
) -> tuple[Entry, Entry]:
    """A rate and its delta."""
    delta = f"{name}_delta"
    return (
        Entry(name=name, takes=takes, exact=_now(rate), high=1, symmetric=False, source=source, reported=name if binned else None),
        Entry(
            name=delta,
            takes=takes,
            exact=_delta(rate),
            low=-1,
            high=1,
            symmetric=False,
            source=f"current - reference of {name}",
            reported=delta if binned else None,
        ),
    )  # fmt: skip


def _counts(name: str, count: Callable[[Sample], float | None], source: str) -> tuple[Entry, Entry]:
    """A count and its delta, had on both paths."""
    now = Entry(name=name, takes=_ANY, exact=_now(count), high=math.inf, symmetric=False, source=source, reported=name)
    name = f"{name}_delta"
    change = f"current - reference of {now.name}"
    return now, Entry(
        name=name, takes=_ANY, exact=_delta(count), low=-math.inf, high=math.inf, symmetric=False, source=change, reported=name
    )


_REPORTED = frozenset({"mean", "mean_delta", *quantiles.LEVELS})


def _level(name: str, of: Callable[[Sample], float | None], source: str) -> tuple[Entry, Entry]:
    """A value in units of the column, and its delta."""
    made = [
        Entry(
            name=each,
            takes=_NUMBERS,
            exact=exact,
            low=-math.inf,
            high=math.inf,
            symmetric=False,
            source=text,
            reported=each if each in _REPORTED else None,
        )
        for each, exact, text in ((name, _now(of), source), (f"{name}_delta", _delta(of), f"current - reference of {name}"))
    ]
    return made[0], made[1]


_ENTRIES = (
    _distance("psi:quantile10", _ANY, psi.quantile10, math.inf, f"credit scoring, {_DECILES}", binned=psi.psi_rows, reported="psi"),
    _distance("psi:evidently", _ANY, psi.evidently, math.inf, "evidently 0.7 psi"),
    _distance("psi:frouros", _NUMBERS, psi.frouros, math.inf, "frouros 0.9 PSI"),
    _distance("psi:deepchecks", _TEXTS, psi.deepchecks, math.inf, "deepchecks 0.19 PSI"),
    _distance("kl:quantile10", _ANY, kl.quantile10, math.inf, f"KL(current || baseline) {_DECILES}, nats", symmetric=False, binned=kl.kl_rows, reported="kl"),
    _distance("kl:evidently", _ANY, kl.evidently, math.inf, "evidently 0.7 kl_div: KL(reference || current), nats", symmetric=False),
    _distance("kl:frouros", _NUMBERS, kl.frouros, math.inf, "frouros 0.9 KL: KL(current || reference), nats", symmetric=False),
    _distance("js:quantile10", _ANY, js.quantile10, 1, f"Jensen-Shannon distance, base 2, {_DECILES}", binned=js.js_rows, reported="js"),
    _distance("js:nannyml", _ANY, js.nannyml, 1, "nannyml 0.13 jensen_shannon: distance, base 2"),
    _distance("js:evidently", _ANY, js.evidently, math.sqrt(math.log(2)), "evidently 0.7 jensenshannon: distance, base e"),
    _distance("js:frouros", _NUMBERS, js.frouros, math.sqrt(math.log(2)), "frouros 0.9 JS: distance, base e"),
    _distance("jsd:tfdv", _ANY, js.tfdv, 1, "TensorFlow Data Validation: divergence, base 2"),
    _distance("hellinger:quantile10", _ANY, hellinger.quantile10, 1, _DECILES, binned=hellinger.hellinger_rows, reported="hellinger"),
    _distance("hellinger:nannyml", _ANY, hellinger.nannyml, 1, "nannyml 0.13 hellinger"),
    _distance("hellinger:evidently", _ANY, hellinger.evidently, 1, "evidently 0.7 hellinger"),
    _distance("hellinger:frouros", _NUMBERS, hellinger.frouros, 1, "frouros 0.9 HellingerDistance"),
    _distance("tv:quantile10", _ANY, tv.quantile10, 1, _DECILES, binned=tv.tv_rows, reported="tv"),
    _distance("tv:evidently", _TEXTS, tv.by_value, 1, "statistic of evidently 0.7 TVD"),
    _distance("linf:quantile10", _ANY, linf.quantile10, 1, _DECILES, binned=linf.linf_rows, reported="linf"),
    _distance("linf:nannyml", _TEXTS, linf.by_value, 1, "nannyml 0.13 l_infinity, TFDV infinity_norm"),
    _distance("chi2:quantile10", _ANY, chi2.quantile10, math.inf, f"Pearson, two-sample, {_DECILES}", tested=True, binned=chi2.chi2_rows, reported="chi2"),
    _distance("chi2:nannyml", _TEXTS, chi2.nannyml, math.inf, "nannyml 0.13 chi2: two-sample, Yates in 2 x 2", tested=True),
    _distance("chi2:evidently", _TEXTS, chi2.evidently, math.inf, "evidently 0.7 chisquare: one-sample", symmetric=False, tested=True),
    _distance("cramers_v:deepchecks", _TEXTS, cramers_v.deepchecks, 1, "deepchecks 0.19 Cramer's V"),
    _distance("ks", _NUMBERS, ks.exact, 1, "scipy.stats.ks_2samp; nannyml and frouros below 10,000 rows", tested=True),
    Entry(name="ks:fine64", takes=_NUMBERS, high=1, symmetric=True, tested=True, binned=ks.ks_rows, reported="ks", source="on the baseline's 64 fine cells"),
    _distance("wasserstein", _NUMBERS, wasserstein.exact, math.inf, "scipy.stats.wasserstein_distance; nannyml, frouros EMD"),
    _distance("wasserstein:normed", _NUMBERS, wasserstein.normed, math.inf, "evidently 0.7 wasserstein", symmetric=False),
    _distance("wasserstein:deepchecks", _NUMBERS, wasserstein.deepchecks, 1, "deepchecks 0.19 Earth Mover's Distance"),
    Entry(name="wasserstein:fine64", takes=_NUMBERS, high=math.inf, symmetric=True, binned=wasserstein.wasserstein_rows, reported="wasserstein", source="on the baseline's 64 fine cells and the means"),
    Entry(name="wasserstein:normed:fine64", takes=_NUMBERS, high=math.inf, symmetric=False, binned=wasserstein.wasserstein_rows, reported="wasserstein_normed", source="wasserstein:fine64 by the baseline's standard deviation"),
    *_rates("null_rate", _ANY, rates.nulls, "rows without a value", binned=True),
    *_rates("nan_rate", _NUMBERS, rates.nans, "rows that are NaN or infinite", binned=True),
    *_rates("zero_rate", _NUMBERS, rates.zeros, "rows that are 0", binned=True),
    *_rates("distinct_rate", _ANY, rates.distinct, "distinct values over values; on the stream of categories and of numbers of which the baseline has at most 64, values that it does not know as one", binned=True),
    *_counts("distinct_count", rates.values, "distinct values; on the stream as distinct_rate"),
    Entry(name="count_delta", takes=_ANY, low=-math.inf, high=math.inf, symmetric=False, exact=_delta(rates.rows), reported="count_delta", source="rows, current - reference"),
    Entry(name="below_rate", takes=_NUMBERS, high=1, symmetric=False, exact=rates.below, reported="below_rate", source="rows below the reference's least value; there its own rate is 0"),
    Entry(name="above_rate", takes=_NUMBERS, high=1, symmetric=False, exact=rates.above, reported="above_rate", source="rows above the reference's largest value; there its own rate is 0"),
    Entry(name="out_of_range_rate", takes=_NUMBERS, high=1, symmetric=False, exact=rates.out_of_range, reported="out_of_range_rate", source="below_rate + above_rate"),
    Entry(name="new_category_rate", takes=_TEXTS, high=1, symmetric=False, exact=rates.new_categories, source="rows with a value that the reference never had; there its own rate is 0"),
    Entry(name="unseen_rate", takes=_TEXTS, high=1, symmetric=False, reported="unseen_rate", source="rows with none of the baseline's 200 most frequent values"),
    Entry(name="unseen_rate_delta", takes=_TEXTS, low=-1, high=1, symmetric=False, reported="unseen_rate_delta", source="current - baseline of unseen_rate"),
    *_level("mean", rates.mean, "mean of the finite values; on the stream from exact sums"),
    *(entry for name, level in quantiles.LEVELS.items() for entry in _level(name, _quantile(level), "least value with this share at or below it; on the stream within its fine cell")),
)  # fmt: skip

TABLE: Mapping[str, Entry] = MappingProxyType({entry.name: entry for entry in _ENTRIES})
"""All measures by name."""


def entry(name: str) -> Entry:
    """Return a measure by its name; a bare name means the variant that the stream reports. Raises KeyError with the names there are."""
    found = TABLE.get(name) or TABLE.get(f"{name}:{DEFAULT_VARIANT}")
    if found is None:
        raise KeyError(f"there is no measure {name!r}; there are {', '.join(TABLE)}")
    return found


def measure(
    name: str,
    reference: Sample | Values,
    current: Sample | Values,
    kind: Kind | None = None,
) -> Found:
    """Return a measure of two columns of raw values.

    The kind is inferred where it is not given: from the reference, or from the current values if that has none. A column of the wrong kind, or one without a value, gives None and
    never an exception or a warning. Raises KeyError for an unknown name, ValueError for a measure that exists on counts only,
    TypeError for a value that the kind cannot hold.
    """
    chosen = entry(name)
    if chosen.exact is None:
        raise ValueError(f"{name} is a measure of counts; on raw values take {name.removesuffix(':fine64')}")
    before, after = samples(reference, current, kind)
    if before.numeric is not after.numeric or (chosen.takes is Takes.NUMBERS and not before.numeric):
        return Found(None)
    found = chosen.exact(before, after)
    return Found(*found) if isinstance(found, tuple) else Found(found)
