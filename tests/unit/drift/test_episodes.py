import dataclasses
from typing import Any

import pytest

from driftline.drift.episodes import EpisodeKey, follow, supersede
from driftline.events import (
    ClearedReason,
    DriftCleared,
    DriftDetected,
    Measure,
    Reference,
)
from tests.builders import report_of

KEY = EpisodeKey("3", "", "1 day", "feature", Reference.BASELINE)
REPORT = report_of(
    model_id="flights", model_version="3", start=0, end=10, n=500, profiles_offset=7, risk_score=30.0, severity="LOW"
)


def check(column, value, limit=0.25, name="psi"):
    violated = value is not None and limit is not None and value > limit
    return Measure(family="feature", name=name, column=column, value=value, limit=limit, violated=violated)


class Story:
    """One episode, window after window."""

    def __init__(self, alert=True):
        self.episode: Any = None
        self.told: list[Any] = []
        self.alert, self.at = alert, 0

    def window(self, *checks, **changes):
        report = dataclasses.replace(REPORT, start=self.at, end=self.at + 10, **changes)
        self.at += 10
        self.episode, told = follow(self.episode, KEY, report, checks, alert=self.alert)
        self.told.append(told)
        return told


def test_the_first_failing_check_opens_an_episode():
    told = Story().window(check("temp", 1.3), check("distance", 0.01))
    assert isinstance(told, DriftDetected)
    assert (told.sequence, told.since, told.window_end, told.kind, told.alert) == (1, 0, 10, "feature", True)
    assert [(c.column, c.value, c.limit) for c in told.columns] == [("temp", 1.3, 0.25)]
    assert (told.severity, told.priority) == ("LOW", "low")


@pytest.mark.parametrize(
    ("severity", "priority"),
    [("MINIMAL", "low"), ("LOW", "low"), ("MEDIUM", "medium"), ("HIGH", "high"), ("CRITICAL", "critical")],
)
def test_severity_gives_the_priority(severity, priority):
    assert Story().window(check("temp", 1.3), severity=severity).priority == priority


def test_the_same_drift_is_not_told_again():
    story = Story()
    story.window(check("temp", 1.3))
    assert story.window(check("temp", 1.9)) is None
    assert story.episode.sequence == 1


@pytest.mark.parametrize(
    "second",
    [
        {"checks": (check("temp", 1.3), check("wind", 0.5))},
        {"checks": (check("temp", 1.3),), "severity": "HIGH"},
    ],
)
def test_other_columns_or_another_severity_repeat_it_with_the_next_sequence(second):
    story = Story()
    first = story.window(check("temp", 1.3))
    told = story.window(*second.pop("checks"), **second)
    assert (told.episode_id, told.sequence, told.since) == (first.episode_id, 2, 0)


def test_two_complete_clean_windows_clear_it():
    story = Story()
    first = story.window(check("temp", 1.3))
    assert story.window(check("temp", 0.1)) is None
    told = story.window(check("temp", 0.1))
    assert isinstance(told, DriftCleared)
    assert (told.reason, told.sequence, told.episode_id) == (ClearedReason.CLEAN, 2, first.episode_id)
    assert story.episode is None


def test_an_incomplete_window_neither_clears_nor_interrupts():
    story = Story()
    story.window(check("temp", 1.3))
    assert story.window(check("temp", 0.1), completeness=0.5) is None
    assert story.window(check("temp", 0.1)) is None
    assert story.window(check("temp", 0.1), completeness=0.5) is None
    assert isinstance(story.window(check("temp", 0.1)), DriftCleared)


def test_a_window_that_drifts_again_starts_the_count_anew():
    story = Story()
    for value in (1.3, 0.1, 1.3, 0.1):
        story.window(check("temp", value))
    assert story.episode.clean == 1


def test_no_data_never_clears():
    story = Story()
    story.window(check("temp", 1.3))
    for _ in range(5):
        assert story.window(check("temp", None), check("wind", 0.1)) is None
        assert story.window() is None
    assert story.episode is not None


def test_a_check_that_no_longer_exists_does_not_hold_the_episode_open():
    story = Story()
    story.window(check("temp", 1.3))
    story.window(check("wind", 0.1))
    assert isinstance(story.window(check("wind", 0.1)), DriftCleared)


def test_a_measure_without_a_limit_opens_nothing():
    story = Story()
    assert story.window(Measure(family="feature", name="ks", column="temp", value=0.9)) is None
    assert story.episode is None


def test_superseding_names_the_last_window_that_was_decided():
    story = Story(alert=False)
    story.window(check("temp", 1.3))
    story.window(check("temp", 1.3))
    told = supersede(story.episode, KEY, "flights")
    assert (told.reason, told.sequence, told.window_start, told.window_end) == (ClearedReason.SUPERSEDED, 2, 10, 20)
    assert not told.alert


def test_an_episode_has_the_same_id_wherever_it_is_decided_and_another_one_the_next_time():
    first, again = Story(), Story()
    assert first.window(check("temp", 1.3)).episode_id == again.window(check("temp", 9.9)).episode_id
    for _ in range(2):
        first.window(check("temp", 0.1))
    assert first.window(check("temp", 1.3)).episode_id != again.told[0].episode_id


def test_columns_come_worst_first_and_the_sentence_names_the_worst():
    told = Story().window(check("wind", 0.3), check("temp", 1.3), check("distance", 0.01))
    assert [c.column for c in told.columns] == ["temp", "wind"]
    assert told.summary == (
        "flights 3: feature drift over 1 day, 2 of 3 columns drifted; worst is temp: psi 1.3 against a limit of 0.25, n = 500."
    )


def test_under_a_tolerance_a_column_that_cannot_be_tested_is_not_clean():
    drifting = (check("temp", 1.3), check("distance", 0.01))
    untestable = (check("temp", 1.3, limit=None, name="psi"), check("distance", 0.01))
    for tested, ends in ((True, False), (False, True)):
        episode, _ = follow(None, KEY, REPORT, drifting, alert=True, tested=tested)
        for _ in range(3):
            episode = episode and follow(episode, KEY, REPORT, untestable, alert=True, tested=tested)[0]
        assert (episode is None) is ends
