import dataclasses

import pytest

from driftline.drift.windows.ranges import Condition, Head, Verdict, follow, judge
from driftline.events import SourceRange

RANGE = SourceRange(topic="predictions", topic_id="T", partition=0, from_offset=10, to_offset=20, caught_up=True)


def head(offset, topic_id="T"):
    return Head(topic_id, offset, caught_up=True, trusted_until=0)


@pytest.mark.parametrize(
    ("known", "verdict"),
    [
        (None, Verdict.FIRST),
        (head(10), Verdict.CONTINUES),
        (head(20), Verdict.DUPLICATE),
        (head(25), Verdict.DUPLICATE),
        (head(15), Verdict.OVERLAP),
        (head(9), Verdict.GAP),
        (head(10, "another"), Verdict.RECREATED),
    ],
)
def test_a_range_is_judged_by_where_it_begins_and_ends(known, verdict):
    assert judge(known, RANGE) is verdict


def test_an_empty_range_continues_repeats_or_leaves_a_gap():
    empty = dataclasses.replace(RANGE, to_offset=10)
    assert [judge(head(offset), empty) for offset in (10, 11, 9)] == [
        Verdict.CONTINUES,
        Verdict.DUPLICATE,
        Verdict.GAP,
    ]


@pytest.mark.parametrize(("interval", "trust"), [(500_000, 3_000_000), (4_000_000, 12_000_000)])
def test_progress_is_trusted_for_three_seconds_or_three_commit_intervals(interval, trust):
    found = follow(RANGE, 1000, interval)
    assert found.condition(1000 + trust) is Condition.CAUGHT_UP
    assert found.condition(1001 + trust) is Condition.STALLED


def test_a_source_that_is_not_caught_up_lags():
    assert follow(dataclasses.replace(RANGE, caught_up=False), 0, 0).condition(0) is Condition.LAGGING
