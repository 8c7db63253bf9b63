"""Windows that hop, and windows held against the one before and against the same time last week, in a zone whose clocks change.

What a window is compared with is what a batch count of the same rows finds there, for every schedule and through every restart.
DRIFTLINE_SCHEDULES sets how many are played (a fifteenth of it).
"""

from __future__ import annotations

import os
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from driftline.drift.profile import Layout, Profile
from driftline.events import Decision, MonitorReference, Part, PastComparison, Reference, WindowReport
from tests.unit.simulation.chaos import Chaos, traffic
from tests.unit.simulation.checks import check_all, decisions, drift
from tests.unit.simulation.events import MODELS
from tests.unit.simulation.world import BASELINE, MINUTE, World, monitor_of

SCHEDULES = max(2, int(os.environ.get("DRIFTLINE_SCHEDULES", "60")) // 15)
ROWS, DAYS, TURNS = 110, 12, 100
ZONE = "America/New_York"
HOPPING = "1 day every 12 hours"
GRANULARITIES = ("6 hours", HOPPING, "2 days every 1 day", "1 week")
REFERENCES = (
    MonitorReference(reference=Reference.CONSECUTIVE, granularities=GRANULARITIES),
    MonitorReference(reference=Reference.SEASON, granularities=GRANULARITIES[:-1]),
)


def world_of(seed: int, **options) -> World:
    monitors = {
        model: monitor_of(
            model,
            patient=True,
            granularities=GRANULARITIES,
            alert_on="6 hours",
            time_zone=ZONE,
            references=REFERENCES,
        )
        for model in MODELS
    }
    return World(seed, patient=True, monitors=monitors, changes=seed % 2 == 0, **options)


def rows_of(seed: int):
    return traffic(random.Random(seed), rows=ROWS, disorder_us=4 * MINUTE, hours=24 * DAYS, versions="1")


def orderly(seed: int) -> World:
    world = world_of(seed, instances=1)
    world.poll_messages = 200
    world.start()
    for (topic, partition), rows in rows_of(seed).items():
        world.send(topic, partition, *rows)
    world.finish()
    return world


def disorderly(seed: int) -> World:
    world = world_of(seed, caches=seed % 2 == 1)
    Chaos(world, rows_of(seed), long_pauses=False).play(TURNS)
    return world


@pytest.mark.parametrize("seed", range(SCHEDULES))
def test_the_past_of_a_window_is_the_same_for_every_schedule_and_equals_a_batch_count(seed):
    world, reference = disorderly(seed), orderly(seed)
    check_all(world)
    assert decisions(world) == decisions(reference)
    assert drift(world) == drift(reference)
    for one in (world, reference):
        check_past(one)
        assert {r: n >= 20 for r, n in compared(one).items()} == {Reference.CONSECUTIVE: True, Reference.SEASON: True}


def check_past(world: World) -> None:
    """Spans and counts of every comparison; revisions keep the past of the decision."""
    for revisions in world.reports().values():
        past: tuple[PastComparison, ...] | None = None
        for report in revisions:
            if report.decision is Decision.INPUTS:
                wanted = [each.reference for each in REFERENCES if report.granularity in each.granularities]
                assert [found.reference for found in report.comparisons] == wanted
                past = report.comparisons
                for found in past:
                    assert (found.start, found.end) == past_span(report, found.reference)
                    assert counted(report, found, world) == sent(world, report, found.start, found.end)
            assert report.comparisons == (past or ())


def compared(world: World) -> Counter:
    """Decided comparisons with something to compare with."""
    reports = (report for report in world.told("windows") if report.decision is Decision.INPUTS)
    return Counter(found.reference for report in reports for found in report.comparisons if found.measures)


def past_span(report: WindowReport, reference: Reference) -> tuple[int, int]:
    if reference is Reference.SEASON:
        fixed = report.granularity in ("6 hours", HOPPING)
        start = shown_before(report.start, 7)
        return start, start + report.end - report.start if fixed else shown_before(report.end, 7)
    days = {"1 week": 7, "2 days every 1 day": 2}.get(report.granularity)
    return (shown_before(report.start, days) if days else 2 * report.start - report.end), report.start


def shown_before(time: int, days: int) -> int:
    """When the clocks of the zone showed the same, days before."""
    local = datetime.fromtimestamp(time / 1_000_000, UTC).astimezone(ZoneInfo(ZONE)).replace(tzinfo=None) - timedelta(days=days)
    return round(local.replace(tzinfo=ZoneInfo(ZONE)).timestamp()) * 1_000_000


def counted(report: WindowReport, found: PastComparison, world: World) -> tuple[int, int]:
    """Rows, and those of AA."""
    layout = Layout.of(world.monitors[report.model_id], BASELINE)
    profile = Profile.decode(layout, Part.INPUTS, found.n, found.cells, found.sums)
    block = layout.by_column["carrier"]
    return found.n, int(profile.cells[block.offset + 2 + block.categories.index("AA")])


def sent(world: World, report: WindowReport, start: int, end: int) -> tuple[int, int]:
    rows = [row for _, _, row in world.sent if row.carrier and row.model == report.model_id and start <= row.time < end]
    return len(rows), sum(row.carrier == "AA" for row in rows)
