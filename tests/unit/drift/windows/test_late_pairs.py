"""A late pair to an old window costs one read of a stored pane and one addition to it, however much lies around it."""

import pytest

from driftline.drift.windows import Evaluator
from driftline.drift.windows.stored import restore, take_changes
from driftline.events import Group, Part, WindowReport
from tests.unit.drift.windows.building import DAY, HOUR, MONITOR, START, Feed, change, feed, sources

WEEKLY = change(MONITOR, granularities=("1 hour", "1 day", "1 week"), alert_on="1 day", label_ttl_us=60 * DAY)


class Reads:
    """The layouts that an evaluator asks for, one for each pane that it decodes."""

    def __init__(self, layout_of):
        self.layout_of = layout_of
        self.count = 0

    def __call__(self, model_id, version):
        self.count += 1
        return self.layout_of(model_id, version)


def history(days: int) -> tuple[Feed, Reads]:
    """A stream of so many days with a pane an hour, and a new evaluator on what was stored of it: no pane is decoded."""
    stream = feed(WEEKLY)
    for hour in range(24 * days):
        time = START + hour * HOUR
        stream.rows(time)
        stream.pairs(time, time + HOUR, right=1)
    stored = {key: body for key, body in take_changes(stream.evaluator.state) if body is not None}
    rules = stream.evaluator._rules
    reads = Reads(rules.layout)
    again = Feed(Evaluator(0, sources(1), rules, state=restore(stored.items(), reads)), WEEKLY)
    again.heads, again.now, again.offset = stream.heads, stream.now, stream.offset
    reads.count = 0
    return again, reads


def saved_panes(stream):
    return [key for key, _ in take_changes(stream.evaluator.state) if key[0] == "pane"]


@pytest.mark.parametrize("days", [3, 8])
@pytest.mark.parametrize(("part", "right"), [(Part.IN_TIME, 1), (Part.LATER, 1), (Part.IN_TIME, -1)])
def test_a_pair_of_days_ago_reads_and_stores_one_pane(days, part, right):
    stream, reads = history(days)
    take_changes(stream.evaluator.state)
    old = START + DAY + 3 * HOUR
    stream.pairs(old, START + days * DAY, right=right, part=part)
    assert reads.count == 1
    assert len(saved_panes(stream)) == 1


def test_the_window_is_added_up_of_hours_once_it_is_published_again():
    stream, reads = history(2)
    stream.pairs(START + 3 * HOUR, START + 2 * DAY, right=1)
    for group in (Group.JOIN, Group.PROFILE):
        stream.mark(START + 8 * DAY, group=group)
    reports = {(r.granularity, r.start): r for r in stream.told(WindowReport)}
    assert reports["1 day", START].labels_in_time == 25
    assert reads.count <= 2 * (24 + 1) * 2  # hours and the days that they are folded into, of inputs and of pairs
