import threading

import pytest

from driftline.clock import ManualClock
from driftline.runtime.health import Health
from services.alerting.jobs.beat import Beat


class Counting:
    def __init__(self, due=None) -> None:
        self.due = due
        self.runs = 0
        self.closed = False
        self.ran = threading.Event()

    def run_once(self, wake):
        self.runs += 1
        self.ran.set()
        return self.due

    def close(self) -> None:
        self.closed = True


def test_it_works_at_once_sleeps_and_can_be_woken_and_stopped() -> None:
    work = Counting()
    beat = Beat("job", work, ManualClock(), Health())
    thread = threading.Thread(target=beat.run)
    thread.start()
    assert work.ran.wait(5)
    work.ran.clear()
    beat.wake()
    assert work.ran.wait(5)
    beat.stop()
    thread.join(5)
    assert not thread.is_alive()
    assert work.closed


def test_it_sleeps_until_something_is_due_but_not_for_long() -> None:
    beat = Beat("job", Counting(), ManualClock(1_000_000), Health())
    assert beat._sleep_seconds(None) == 1.0
    assert beat._sleep_seconds(1_250_000) == 0.25
    assert beat._sleep_seconds(999_000_000) == 1.0
    assert beat._sleep_seconds(0) == 0.0


def test_what_the_work_raises_ends_the_part() -> None:
    class Broken(Counting):
        def run_once(self, wake):
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        Beat("job", Broken(), ManualClock(), Health()).run()
