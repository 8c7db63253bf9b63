"""Builders for stage 2: a small monitor, its book, and counts of a handful of rows."""

from __future__ import annotations

import dataclasses

import numpy as np

from driftline.drift.baseline import fit_baseline
from driftline.drift.profile import Layout, Profile
from driftline.drift.windows import Evaluator, Notices, Rules
from driftline.events import (
    ColumnKind,
    Direction,
    Group,
    Monitor,
    MonitorColumn,
    MonitorDetector,
    Part,
    ProfileSet,
    Progress,
    SourceRange,
    SourceTime,
    Task,
    Threshold,
)
from driftline.validation.book import MonitorBook
from tests.builders import monitor_of

MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
SECOND = 1_000_000
START = 1_362_096_000_000_000
"""2013-03-01 00:00 UTC, a Friday."""
NOW = 1_700_000_000_000_000
"""Append time at which everything begins."""

BASELINE = fit_baseline(
    "m",
    {"carrier": ["AA", "UA"] * 500, ":prediction": ["late", "on time"] * 500},
    {"carrier": ColumnKind.CATEGORICAL, ":prediction": ColumnKind.CATEGORICAL},
)
MONITOR = monitor_of(
    task=Task.BINARY,
    positive_class="late",
    columns=(
        MonitorColumn(name="carrier", kind=ColumnKind.CATEGORICAL),
        MonitorColumn(name=":prediction", kind=ColumnKind.CATEGORICAL),
    ),
    baseline_id=BASELINE.baseline_id,
    labels=True,
    granularities=("1 hour", "1 day"),
    alert_on="1 day",
    lateness_us=5 * MINUTE,
    idle_timeout_us=60 * SECOND,
    max_wait_us=HOUR,
    label_delay_us=6 * HOUR,
    label_ttl_us=30 * DAY,
    future_skew_us=5 * MINUTE,
    thresholds=(
        Threshold(family="feature", measure="psi", limit=0.25, direction=Direction.ABOVE),
        Threshold(family="performance", measure="accuracy", limit=0.7, direction=Direction.BELOW),
    ),
    weights={"feature": 0.5, "performance": 0.5},
    detectors=(MonitorDetector(family="performance", kind="adwin"),),
)
change = dataclasses.replace


def book_of(*monitors: Monitor, append_time: int = NOW - DAY) -> MonitorBook:
    book = MonitorBook()
    book.add_baseline(BASELINE, append_time - 1)
    for monitor in monitors:
        book.add_monitor(monitor, append_time)
    return book


def layout_of(monitor: Monitor) -> Layout:
    return Layout.of(monitor, BASELINE)


def counts(layout: Layout, carriers: dict[str, int]) -> Profile:
    """INPUTS of so many rows by carrier; every prediction is `late`."""
    shape = layout.shape(Part.INPUTS)
    cells = np.zeros(shape.cells, np.int64)
    rows = sum(carriers.values())
    for carrier, count in carriers.items():
        block = layout.by_column["carrier"]
        known = carrier in block.categories
        cells[block.offset + 2 + block.categories.index(carrier) if known else block.unseen] += count
    block = layout.by_column[":prediction"]
    cells[block.offset + 2 + block.categories.index("late")] += rows
    return Profile(shape, rows, cells, Profile.zero(shape).sums)


def pairs(layout: Layout, *, right: int = 0, wrong: int = 0, part: Part = Part.IN_TIME) -> Profile:
    """Label pairs of predictions `late`."""
    shape = layout.shape(part)
    cells = np.zeros(shape.cells, np.int64)
    size = len(layout.classes) + 1
    late, other = layout.classes.index("late"), layout.classes.index("on time")
    cells[late * size + late] += right
    cells[late * size + other] += wrong
    return Profile(shape, right + wrong, cells, Profile.zero(shape).sums)


class Feed:
    """Stage 1 as seen from one partition of `profiles`: chains ranges, numbers offsets, keeps append time."""

    def __init__(self, evaluator: Evaluator, monitor: Monitor = MONITOR, partitions: int = 1):
        self.evaluator = evaluator
        self.monitor = monitor
        self.layout = layout_of(monitor)
        self.partitions = partitions
        self.now = NOW
        self.offset = 0
        self.heads: dict[tuple[Group, str, int], int] = {}
        self.outputs: list = []
        self.reports = 10_000
        self.topic_id = "T"
        self.kept: dict = {}
        """What was written to `states`, where a test restarts the evaluator."""

    def send(self, record):
        self.evaluator.apply(record, self.offset, self.now)
        self.offset += 1
        while self.evaluator.busy:
            self.outputs += self.evaluator.work(self.reports)

    def wait(self, microseconds: int):
        self.now += microseconds
        return self

    def rows(self, time: int, carriers: dict[str, int] | None = None, *, partition: int = 0, version: str = "1", **progress):
        """Rows at an event time, read by group profile from one source partition, and progress of that partition."""
        profile = counts(self.layout, carriers or {"AA": 1, "UA": 1})
        panes = (profile.to_event("", time // self.layout.pane_us * self.layout.pane_us),)
        self.send(self.set(Group.PROFILE, panes, ("predictions", partition, time), version))
        self.progress(Group.PROFILE, {("predictions", partition): profile.rows}, sets=1, **progress)

    def mark(self, time: int, *, group: Group = Group.PROFILE, partition: int | None = None, **progress):
        """A watermark on every source partition of a group (or on one), without counts."""
        topics = ("predictions",) if group is Group.PROFILE else ("predictions", "labels")
        numbers = range(self.partitions) if partition is None else [partition]
        places = [(topic, number) for topic in topics for number in numbers]
        times = tuple(SourceTime(topic=topic, partition=number, event_time=time) for topic, number in places)
        self.send(dataclasses.replace(self.set(group, (), ("", 0, 0), "1"), times=times))
        self.progress(group, dict.fromkeys(places, 1), sets=1, **progress)

    def pairs(self, time: int, label_time: int, *, right=0, wrong=0, part=Part.IN_TIME, partition=0):
        profile = pairs(self.layout, right=right, wrong=wrong, part=part)
        panes = (profile.to_event("", time // self.layout.pane_us * self.layout.pane_us),)
        self.send(self.set(Group.JOIN, panes, ("labels", partition, label_time), "1"))
        self.progress(Group.JOIN, {("labels", partition): profile.rows}, sets=1)

    def set(self, group, panes, time, version):
        topic, partition, event_time = time
        return ProfileSet(
            model_id=self.monitor.model_id,
            model_version=version,
            monitor_version=self.monitor.monitor_version,
            layout=self.layout.hash,
            group=group,
            writer="w",
            times=(SourceTime(topic=topic, partition=partition, event_time=event_time),),
            panes=panes,
        )

    def progress(
        self, group=Group.PROFILE, moved=None, *, sets=0, caught_up=True, skip=0, back=0, only=None, commit_interval_us=500_000
    ):
        """Progress of all source partitions of the group; `skip` leaves a gap, `back` overlaps."""
        topics = ("predictions",) if group is Group.PROFILE else ("predictions", "labels")
        places = only or [(topic, number) for topic in topics for number in range(self.partitions)]
        ranges = []
        for topic, number in places:
            begin = self.heads.get((group, topic, number), 0)
            count = (moved or {}).get((topic, number), 0)
            start = begin + skip - back if count else begin
            end = start + count
            self.heads[group, topic, number] = max(begin, end)
            ranges.append(
                SourceRange(
                    topic=topic, topic_id=self.topic_id, partition=number, from_offset=start, to_offset=end, caught_up=caught_up
                )
            )
        self.send(
            Progress(group=group, writer="w", ranges=tuple(ranges), profile_sets=sets, commit_interval_us=commit_interval_us)
        )

    def told(self, kind):
        return [output for output in self.outputs if isinstance(output, kind)]


def sources(partitions: int):
    predictions = [("predictions", number) for number in range(partitions)]
    return {Group.PROFILE: predictions, Group.JOIN: predictions + [("labels", n) for n in range(partitions)]}


def feed(monitor: Monitor = MONITOR, *, partitions: int = 1, book: MonitorBook | None = None, notices=False) -> Feed:
    rules = Rules(book or book_of(monitor))
    said = Notices("evaluator-1", rules, lambda _: True, stalls=True) if notices else None
    return Feed(Evaluator(0, sources(partitions), rules, notices=said), monitor, partitions)
