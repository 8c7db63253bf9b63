from services.drift.stage1.pace import FEW, PROGRESS_US, Pace


def test_many_partials_for_few_rows_double_the_interval_up_to_ten_seconds():
    pace = Pace()
    intervals = []
    for _ in range(7):
        pace.learn(partials=10 * FEW, events=20 * FEW)
        intervals.append(pace.interval)
    assert intervals == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0]


def test_the_interval_shrinks_again_when_rows_are_many():
    pace = Pace()
    pace.learn(partials=10 * FEW, events=20 * FEW)
    pace.learn(partials=10 * FEW, events=10_000 * FEW)
    assert pace.interval == 0.5


def test_a_trickle_stays_quick():
    pace = Pace()
    pace.learn(partials=FEW, events=FEW)
    assert pace.interval == 0.5


def test_progress_is_due_at_once_then_every_second_and_when_the_clock_was_set_back():
    pace = Pace()
    assert pace.progress_due(0)
    pace.last_progress = 5 * PROGRESS_US
    assert not pace.progress_due(6 * PROGRESS_US - 1)
    assert pace.progress_due(6 * PROGRESS_US)
    assert pace.progress_due(4 * PROGRESS_US)
