"""Detectors over panes: how often each alarms on nothing, and how soon on something, beside two that do not look at all.

The dummies: one alarms at every pane, one never does. A detector that cannot be told from either by its false alarms *and*
its delay is worth nothing; F1 alone would not show it. All seeds are fixed, all figures repeat exactly.
"""

from __future__ import annotations

import functools
import math
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from bench import streams
from bench.results import Result, result
from driftline.drift.detectors.domain_classifier import domain_classifier
from driftline.drift.detectors.kswin import KsWin
from driftline.drift.detectors.mmd import mmd
from driftline.drift.detectors.moments import Moments, MomentShift
from driftline.drift.detectors.protocol import Detector, Verdict
from driftline.drift.detectors.sequential import Kind, Sequential, Span

STREAMS, PANES, ROWS = 40, 500, 1_000
BEFORE, AFTER = 100, 200
RATE, SHIFTS = 0.10, (0.12, 0.15, 0.20)
PANE = 50
"""Rows of a pane of the DFKI streams. The detector is otherwise as it comes: one configuration for both streams, not tuned."""
PUBLISHED = {"waveform": (1342, "BNDM, tuned (best: D3 2341)"), "sine": (104, "SPLL, tuned (best: UDetect 136)")}


class Always:
    """Alarms at every pane."""

    def observe(self, pane: object) -> Verdict:
        """Alarm."""
        del pane
        return Verdict(detected=True)

    def to_bytes(self) -> bytes:
        """Nothing."""
        return b""


class Never(Always):
    """Never alarms."""

    def observe(self, pane: object) -> Verdict:
        """No alarm."""
        del pane
        return Verdict(detected=False)


def _line(name: str, value: float, unit: str, peer: str, peer_value: float) -> Result:
    """A row; what is never (infinite) has no figure."""
    finite = [None if math.isinf(each) else each for each in (value, peer_value)]
    return result(name, finite[0], unit, peer, finite[1])


def _alarms(detector: Detector[Any], series: Iterable[Any]) -> list[int]:
    return [at for at, pane in enumerate(series) if detector.observe(pane).detected]


def _judged(
    name: str, made: Callable[[], Detector[Any]], null: Sequence[Any], shifted: Mapping[str, Sequence[Any]]
) -> list[Result]:
    """Alarms on nothing per 1,000 panes; then the median delay in panes and the share found within AFTER panes."""
    began = time.process_time()
    count = sum(len(_alarms(made(), series)) for series in null)
    panes = sum(len(series) for series in null)
    each = 1e6 * (time.process_time() - began) / panes
    lines = [
        _line(f"{name}: alarms on nothing", 1000 * count / panes, "per 1,000 panes", "always / never: 1000 /", 0),
        _line(f"{name}: cost", each, "CPU us per pane", "", math.inf),
    ]
    for shift, found in shifted.items():
        delays = [next((at - BEFORE + 1 for at in _alarms(made(), series) if at >= BEFORE), math.inf) for series in found]
        share = sum(delay < math.inf for delay in delays) / len(delays)
        unit = f"panes (found: {share:.0%})"
        lines.append(_line(f"{name}: median delay, {shift}", statistics.median(delays), unit, "always / never: 1 /", math.inf))
    return lines


def rates() -> list[Result]:
    """River's detectors on the error rates of panes of 1,000 rows, .10 before and more after."""
    random = np.random.default_rng(1)
    null = list(random.binomial(ROWS, RATE, (STREAMS, PANES)) / ROWS)
    shifted: dict[str, Sequence[Any]] = {}
    for after in SHIFTS:
        size = (STREAMS, AFTER)
        first = random.binomial(ROWS, RATE, (STREAMS, BEFORE))
        shifted[f".10 to {after:.2f}"] = list(np.concatenate((first, random.binomial(ROWS, after, size)), axis=1) / ROWS)
    made = {kind.value: functools.partial(Sequential, kind, Span.around(RATE, RATE)) for kind in Kind}
    lines = []
    makers: dict[str, Callable[[], Detector[Any]]] = {"always-fire": Always, "never-fire": Never, **made}
    for name, maker in makers.items():
        lines += _judged(name, maker, null, shifted)
    return lines


def samples() -> list[Result]:
    """KSWIN on samples of 200 normal values a pane, whose mean shifts."""
    random = np.random.default_rng(2)
    null = list(random.normal(size=(STREAMS // 2, PANES, 200)))
    shifted: dict[str, Sequence[Any]] = {}
    for by in (0.3, 0.6):
        values = random.normal(size=(STREAMS // 2, BEFORE + 20, 200))
        values[:, BEFORE:] += by
        shifted[f"mean + {by} deviations"] = list(values)
    return _judged("kswin", lambda: KsWin("bench"), null, shifted)


def moments() -> list[Result]:
    """Moments of panes of 500 rows x 4 columns: normal ones, and heavy tails (Student's t, 3 degrees) cut at 4 deviations."""
    random = np.random.default_rng(4)

    def panes(tail: str, shift: float, count: int) -> list[Moments]:
        size = (count, 500, 4)
        values = random.normal(size=size) if tail == "normal" else random.standard_t(3, size=size) / math.sqrt(3)
        return [Moments.of(pane + shift, 4.0) for pane in values]

    lines = []
    for tail in ("normal", "heavy-tailed"):
        null = [panes(tail, 0, 300) for _ in range(STREAMS // 2)]
        shifted = {
            f"means + {by} deviations": [panes(tail, 0, BEFORE) + panes(tail, by, 20) for _ in range(10)] for by in (0.3, 0.6)
        }
        lines += _judged(f"moments, {tail}", lambda: MomentShift(4), null, shifted)
    return lines


def windows() -> list[Result]:
    """Domain classifier and MMD, 500 rows x 5 columns a side: share of p <= .01 on nothing, and on shifts."""
    random = np.random.default_rng(3)

    def pair(change: str) -> tuple[np.ndarray, np.ndarray]:
        reference, current = random.normal(size=(2, 500, 5))
        if change == "one mean + 0.4":
            current[:, 0] += 0.4
        elif change == "correlation 0 to .4":
            current[:, 1] = 0.4 * current[:, 0] + math.sqrt(1 - 0.16) * current[:, 1]
        return reference, current

    lines = []
    for change, count in (("nothing", 200), ("one mean + 0.4", 50), ("correlation 0 to .4", 50)):
        pairs = [pair(change) for _ in range(count)]
        found = {"domain classifier": 0, "mmd": 0}
        for at, (reference, current) in enumerate(pairs):
            classifier, kernel = domain_classifier(reference, current), mmd(reference, current, seed=at)
            assert classifier is not None
            assert kernel is not None
            found["domain classifier"] += classifier.p_value <= 0.01
            found["mmd"] += kernel.p_value <= 0.01
        for name, hits in found.items():
            wanted = 0.01 if change == "nothing" else 1.0
            lines.append(_line(f"{name}: alarms at 1 %, {change}", hits / count, "of windows", "wanted", wanted))
    reference, current = pair("nothing")
    for name, work in (
        ("domain classifier", lambda: domain_classifier(reference, current)),
        ("mmd", lambda: mmd(reference, current, seed=1)),
    ):
        began = time.process_time()
        for _ in range(5):
            work()
        lines.append(_line(f"{name}: cost", 200 * (time.process_time() - began), "CPU ms per window", "", math.inf))
    return lines


def mean_time_ratio(alarms: Sequence[int], drifts: Sequence[int]) -> tuple[float, float, float, float]:
    """MTR = MTFA / MTD x (1 - MDR), with its parts, of alarms at row numbers.

    The first alarm between a drift and the next is its detection, every other one false. MTFA is the stream's length over
    false alarms, the length itself where there are none.
    """
    ends = [*drifts[1:], streams.ROWS]
    firsts = [next((at for at in alarms if drift <= at < end), None) for drift, end in zip(drifts, ends, strict=True)]
    delays = [at - drift for at, drift in zip(firsts, drifts, strict=True) if at is not None]
    false = len(alarms) - len(delays)
    missed = 1 - len(delays) / len(drifts)
    apart = streams.ROWS / max(false, 1)
    delay = statistics.fmean(delays) if delays else math.inf
    return (apart / max(delay, 1.0) * (1 - missed) if delays else 0.0), apart, delay, missed


def dfki() -> list[Result]:
    """The mean-time ratio on both streams, of moments and of the dummies."""
    lines = []
    for name, rows in (("waveform", streams.waveform_drift()), ("sine", streams.sine_clusters())):
        began = time.process_time()
        panes = [Moments.of(rows[start : start + PANE]) for start in range(0, len(rows) - PANE + 1, PANE)]
        limit, peer = PUBLISHED[name]
        detectors: dict[str, Detector[Any]] = {
            "moments": MomentShift(rows.shape[1]),
            "always-fire": Always(),
            "never-fire": Never(),
        }
        for which, detector in detectors.items():
            ends = [(at + 1) * PANE - 1 for at in _alarms(detector, panes)]
            if which == "moments":
                spent = time.process_time() - began
            ratio, apart, delay, missed = mean_time_ratio(ends, streams.drifts())
            listed = mean_time_ratio(ends, streams.drifts(listed=True))[0]
            unit = f"MTR (MTFA {apart:.0f}, MTD {delay:.1f}, MDR {missed:.2f}; by the published list {listed:.0f})"
            lines.append(_line(f"DFKI {name}, {which}, panes of {PANE} rows", ratio, unit, peer, limit))
        lines.append(_line(f"DFKI {name}, moments: cost", 1e6 * spent / len(rows), "CPU us per row", "", math.inf))
    return lines


def run() -> list[Result]:
    """Everything: some two minutes of one core."""
    return [*rates(), *samples(), *moments(), *windows(), *dfki()]


if __name__ == "__main__":
    for line in run():
        print(line)
