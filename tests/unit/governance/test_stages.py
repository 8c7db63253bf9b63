import itertools

import pytest

from driftline.events import Stage
from driftline.governance.stages import STEPS, Verdict, judge


def verdict(before, after, *, reason="because", monitored=True):
    return judge(before, after, reason=reason, monitored=monitored).verdict


def test_a_version_goes_from_development_through_staging_to_production_and_to_rest():
    way = [Stage.DEVELOPMENT, Stage.STAGING, Stage.PRODUCTION, Stage.ARCHIVED]
    assert [verdict(a, b) for a, b in itertools.pairwise(way)] == [Verdict.ALLOWED] * 3


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Stage.DEVELOPMENT, Stage.PRODUCTION),
        (Stage.ARCHIVED, Stage.PRODUCTION),
        (Stage.PRODUCTION, Stage.DEVELOPMENT),
        (Stage.ARCHIVED, Stage.DEVELOPMENT),
    ],
)
def test_no_stage_is_skipped(before, after):
    found = judge(before, after, reason="because", monitored=True)
    assert found.verdict is Verdict.NO_SUCH_STEP
    assert all(way in found.detail for way in STEPS[before])


def test_every_step_wants_a_reason():
    assert verdict(Stage.DEVELOPMENT, Stage.STAGING, reason="  ") is Verdict.NO_REASON


def test_nothing_goes_to_production_unwatched():
    assert verdict(Stage.STAGING, Stage.PRODUCTION, monitored=False) is Verdict.NOT_MONITORED


def test_staying_is_no_step():
    assert all(verdict(stage, stage, reason="") is Verdict.ALREADY_THERE for stage in Stage)


def test_every_stage_can_be_left():
    assert set(STEPS) == set(Stage)
    assert all(STEPS.values())
