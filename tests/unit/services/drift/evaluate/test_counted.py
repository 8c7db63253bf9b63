"""Stage evaluate tells its metrics what happened since the last commit."""

from __future__ import annotations

from typing import Any, cast

import pytest
from prometheus_client import REGISTRY

from driftline.drift.windows import Counters
from driftline.drift.windows.ranges import Verdict
from services.drift.evaluate.counted import CountedEvaluate


class Evaluating:
    """An evaluate handler of two partitions of `profiles` that does nothing but count."""

    def __init__(self):
        self.found = {0: Counters(), 1: Counters()}

    def counters(self):
        return self.found.items()

    def on_assign(self, starts, now):
        self.found = {partition: Counters() for partition in self.found}

    def committed(self, offsets, now):
        pass


def value(name, **labels):
    return REGISTRY.get_sample_value(f"driftline_drift_{name}_total", labels) or 0.0


@pytest.mark.parametrize(
    ("count", "name", "labels"),
    [
        (lambda c: c.verdicts.update({Verdict.GAP: c.verdicts[Verdict.GAP] + 1}), "source_ranges", {"verdict": "gap"}),
        (lambda c: setattr(c, "lost_sets", c.lost_sets + 1), "lost_profile_sets", {}),
        (lambda c: setattr(c, "late_after_final", c.late_after_final + 1), "late_after_final_rows", {}),
        (lambda c: setattr(c, "inexact", c.inexact + 1), "inexact_window_reports", {}),
        (
            lambda c: c.reports.update({("INPUTS", "IDLE"): c.reports.get(("INPUTS", "IDLE"), 0) + 1}),
            "window_reports",
            {"decision": "INPUTS", "closed_by": "IDLE"},
        ),
        (
            lambda c: c.drift.update({("DriftCleared", "label"): c.drift.get(("DriftCleared", "label"), 0) + 1}),
            "events",
            {"event": "DriftCleared", "kind": "label"},
        ),
    ],
    ids=lambda found: found if isinstance(found, str) else "",
)
def test_what_both_partitions_count_is_told_once_also_after_an_assignment(count, name, labels):
    handler = Evaluating()
    counted = CountedEvaluate(cast("Any", handler))
    before = value(name, **labels)
    for _ in range(2):
        count(handler.found[0])
        count(handler.found[1])
        counted.committed({}, 0)
        counted.committed({}, 0)
    assert value(name, **labels) - before == 4
    counted.on_assign({}, 0)
    count(handler.found[1])
    counted.committed({}, 0)
    assert value(name, **labels) - before == 5
