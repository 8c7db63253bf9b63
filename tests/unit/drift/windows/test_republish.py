import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.drift.windows.republish import life_of, next_revision, terms_of
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
    life = life_of(terms_of(monitor), START + 5 * HOUR)
    folded = START + DAY + monitor.label_delay_us + 2 * DAY
    kept = START + DAY + monitor.label_ttl_us
    assert life.windows == (
        ("1 hour", (START + 5 * HOUR, START + 6 * HOUR), folded),
        ("1 day", (START, START + DAY), kept),
    )
    assert (life.day, life.folds_at, life.expires_at) == ((START, START + DAY), folded, kept)


def test_hours_alone_are_forgotten_once_they_are_final():
    life = life_of(terms_of(change(MONITOR, granularities=("1 hour",))), START)
    assert life.expires_at == life.windows[0][2] == life.folds_at


def test_windows_longer_than_a_day_made_of_hours_are_not_folded():
    monitor = change(MONITOR, granularities=("36 hours", "1 day"))
    life = life_of(terms_of(monitor), 0)
    assert life.folds_at is None
    assert life.windows[0][2] == 36 * HOUR + monitor.label_ttl_us


@pytest.mark.parametrize("labels", [True, False])
def test_without_labels_nothing_is_waited_for_but_two_days(labels):
    monitor = change(MONITOR, labels=labels)
    delay = monitor.label_delay_us if labels else 0
    assert life_of(terms_of(monitor), START).folds_at == START + 3 * DAY + delay
