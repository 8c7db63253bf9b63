import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.drift.windows.republish import expires_at, final_at, folds, folds_at, next_revision
from tests.unit.drift.windows.building import DAY, HOUR, MONITOR, START, change


@given(st.integers(0, 10**6), st.integers(1, 1000), st.integers(0, 10**7))
def test_a_revision_is_due_at_the_next_doubling_of_the_pane_beyond_the_end(end, pane, clock):
    due = next_revision(end, pane, clock)
    doublings = (due - end) // pane
    assert (due - end) % pane == 0
    assert doublings & (doublings - 1) == 0
    assert due > clock
    assert due == end + pane or end + pane * doublings // 2 <= clock


def test_without_a_clock_a_revision_is_due_one_pane_after_the_end():
    assert next_revision(100, 10, None) == 110


def test_an_hour_is_final_when_its_day_is_folded_and_a_day_at_the_ttl():
    monitor = change(MONITOR, granularities=("1 hour", "1 day"))
    folded = START + DAY + monitor.label_delay_us + 2 * DAY
    assert final_at(monitor, "1 hour", START + 5 * HOUR, START + 6 * HOUR) == folded
    assert folds_at(monitor, START + 5 * HOUR) == folded
    assert final_at(monitor, "1 day", START, START + DAY) == START + DAY + monitor.label_ttl_us
    assert expires_at(monitor, START) == START + DAY + monitor.label_ttl_us


def test_hours_alone_are_forgotten_once_they_are_final():
    monitor = change(MONITOR, granularities=("1 hour",))
    assert expires_at(monitor, START) == final_at(monitor, "1 hour", START, START + HOUR)


def test_windows_longer_than_a_day_made_of_hours_are_not_folded():
    monitor = change(MONITOR, granularities=("36 hours", "1 day"))
    assert not folds(monitor)
    assert final_at(monitor, "36 hours", 0, 36 * HOUR) == 36 * HOUR + monitor.label_ttl_us


@pytest.mark.parametrize("labels", [True, False])
def test_without_labels_nothing_is_waited_for_but_two_days(labels):
    monitor = change(MONITOR, labels=labels)
    delay = monitor.label_delay_us if labels else 0
    assert folds_at(monitor, START) == START + 3 * DAY + delay
