from hypothesis import given
from hypothesis import strategies as st

from driftline.drift.windows.clock import Clock, Seen, advance, left_out, past
from driftline.drift.windows.ranges import Condition, Source
from driftline.events import Group

A, B = Source(Group.PROFILE, "predictions", 0), Source(Group.PROFILE, "predictions", 1)
UP, LAG, STALLED = Condition.CAUGHT_UP, Condition.LAGGING, Condition.STALLED
NOBODY: frozenset[Source] = frozenset()


def test_the_clock_is_the_slowest_source_minus_lateness():
    seen = {A: Seen(100, 0), B: Seen(70, 0)}
    assert advance(Clock(), (A, B), seen, out=NOBODY, lateness=5, calm=0).read(0) == 65


def test_a_source_without_an_event_of_the_model_holds_the_clock_until_it_is_left_out():
    seen = {A: Seen(100, 0)}
    assert advance(Clock(), (A, B), seen, out=NOBODY, lateness=5, calm=0).read(0) is None
    assert advance(Clock(), (A, B), seen, out=frozenset({B}), lateness=5, calm=0).read(0) == 95


def test_only_a_caught_up_source_is_left_out_and_only_after_the_timeout():
    seen = {A: Seen(100, 1000)}

    def out(condition, at):
        return left_out({A: condition}, seen, since=0, at=at, idle_timeout=60)

    assert out(UP, 1060) == {A}
    assert out(UP, 1059) == NOBODY
    assert out(LAG, 9999) == NOBODY
    assert out(STALLED, 9999) == NOBODY


def test_a_source_that_never_had_an_event_is_silent_since_the_model_was_first_heard_of():
    assert left_out({A: UP}, {}, since=1000, at=1059, idle_timeout=60) == NOBODY
    assert left_out({A: UP}, {}, since=1000, at=1060, idle_timeout=60) == {A}


def test_when_all_are_left_out_the_clock_moves_with_calm_time_and_does_not_jump_at_its_beginning():
    seen = {A: Seen(100, 0), B: Seen(70, 0)}
    both = frozenset({A, B})
    clock = advance(Clock(65), (A, B), seen, out=both, lateness=5, calm=1000)
    assert clock.read(1000) == 65
    assert clock.read(1030) == 95
    later = advance(clock, (A, B), seen, out=both, lateness=5, calm=1030)
    assert later.read(1040) == 105


def test_a_stream_that_comes_back_holds_the_clock_where_it_drifted_to():
    drifting = Clock(65, calm_from=1000)
    clock = advance(drifting, (A,), {A: Seen(80, 0)}, out=NOBODY, lateness=5, calm=1050)
    assert clock == Clock(115)


def test_past_counts_sources_by_their_events_and_those_left_out():
    seen = {A: Seen(105, 0), B: Seen(70, 0)}
    assert past(100, (A, B), seen, out=NOBODY, lateness=5) == (1, 1, 2)
    assert past(100, (A, B), seen, out=frozenset({B}), lateness=5) == (1, 2, 2)


steps = st.lists(st.tuples(st.sampled_from([A, B]), st.integers(0, 1000), st.sets(st.sampled_from([A, B]))), max_size=30)


@given(steps)
def test_the_clock_never_decreases(steps):
    clock, last = Clock(), None
    seen: dict[Source, Seen] = {}
    for calm, (source, time, out) in enumerate(steps):
        known = seen.get(source)
        seen[source] = Seen(max(time, known.event_time if known else time), calm)
        clock = advance(clock, (A, B), seen, out=frozenset(out), lateness=5, calm=calm)
        reading = clock.read(calm)
        assert last is None or (reading is not None and reading >= last)
        last = reading
