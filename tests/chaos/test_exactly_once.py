"""Drift, audit and the broker are killed while they work; every window still counts every event once, the ledger has no gap.

`DRIFTLINE_CHAOS_KILLS` and `DRIFTLINE_CHAOS_SEED` make it longer or different.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from driftline.broker.embedded import EmbeddedBroker
from driftline.events import DeadLetter, Part
from tests.chaos.counted import aborted_transactions, latest_windows, pane_sums, window_counts, wrong_panes, wrong_windows
from tests.chaos.ledger_against_topics import compare
from tests.chaos.playground import Playground

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1800)]

KILLS = int(os.environ.get("DRIFTLINE_CHAOS_KILLS", "20"))
SEED = int(os.environ.get("DRIFTLINE_CHAOS_SEED", "8"))
SPLITS = 2
BURST = 1200


@pytest.fixture
def play(own_broker: EmbeddedBroker, tmp_path: Path) -> Iterator[Callable[..., Playground]]:
    made: list[Playground] = []

    def make(**more: Any) -> Playground:
        made.append(Playground(own_broker, tmp_path, seed=SEED, **more))
        return made[0]

    yield make
    for playground in made:
        playground.close()


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Print, although the test passes."""

    def tell(text: str) -> None:
        with capsys.disabled():
            print(f"\n{text}", end="", flush=True)

    return tell


def test_every_event_is_counted_and_ledgered_once_through_kills_of_drift_audit_and_broker(play, tell):
    playground = play(drift="ab", audit="ab")
    playground.traffic.start()
    playground.torment(kills=KILLS, broker_kills=3, audit_kills=6)
    playground.traffic.finish()
    assert playground.settle(playground.caught_up), playground.nursery.last_words()
    traffic, tally = playground.traffic, playground.tally
    rate, aborted = traffic.sent / traffic.seconds, aborted_transactions(playground)
    tell(
        f"{traffic.sent} events at {rate:.0f}/s, drift killed {tally.kills} times ({tally.inside} inside a transaction, "
        f"{aborted} seen as aborted), audit {tally.audit_kills} ({tally.audit_inside} inside), the broker {tally.broker_kills}"
    )
    assert (tally.kills, tally.audit_kills, tally.broker_kills) == (KILLS, 6, 3)
    assert tally.inside >= 5
    assert aborted >= 5
    assert rate >= 2000
    check_counts(playground)
    check_ledger(playground, tell)


def check_counts(playground: Playground) -> None:
    """Panes first: they are there when stage 1 has read everything."""
    expected, sums = playground.traffic.expected, pane_sums(playground)
    assert wrong_panes(sums, expected) == []
    assert Counter(each.reason for each in playground.events("dead-letters") if isinstance(each, DeadLetter)) == expected.dead
    wanted = window_counts(expected)
    playground.settle(lambda: told(playground) == wanted)
    assert told(playground) == wanted
    assert all(report.exact for report in latest_windows(playground).values())
    assert wrong_windows(playground, sums) == []


def told(playground: Playground) -> dict[tuple[str, str, int], tuple[int, int, int]]:
    """n, pairs in time, pairs later, as the windows' last reports have them."""
    return {key: (w.n, w.labels_in_time, w.labels_later) for key, w in latest_windows(playground).items()}


def check_ledger(playground: Playground, tell: Callable[[str], None]) -> None:
    for worker in playground.nursery.of("drift"):  # or more would come while the ledger is compared
        playground.nursery.kill(worker)
    assert playground.settle(playground.ledger.recorded, of="audit"), playground.nursery.last_words()
    for worker in playground.nursery.of("audit"):
        playground.nursery.kill(worker)
    found = compare(playground)
    assert found.wrong == []
    report = playground.ledger.verify("source")
    source = report["source"]
    tell(
        f"ledger of {report['entries']} entries: {source['matched']} of {found.single} records matched, "
        f"{source['digested']} of {found.digested} digested, {source['duplicates']} duplicates, {source['gaps']} gaps, "
        f"{source['pending']} pending; {report['verdict']} at level {report['level']} in {report['seconds']:.1f} s"
    )
    assert (report["verdict"], report["first_bad"]) == ("valid", None)
    assert (source["matched"], source["digested"]) == (found.single, found.digested)
    assert (source["duplicates"], source["gaps"], source["pending"]) == (0, 0, 0)


def test_a_transaction_split_in_two_counts_twice_and_is_seen(play, tell):
    playground = play(drift="a", split=True)
    nursery, traffic = playground.nursery, playground.traffic
    (worker,) = nursery.workers
    repeated = 0
    for _ in range(SPLITS):
        # To every partition, so that what is read again is never a mere repeat, which stage evaluate would leave out.
        traffic.burst(BURST)
        nursery.freeze(worker, "profile offsets")
        repeated += worker.rows
        assert nursery.kill(worker)
    traffic.burst(BURST)
    traffic.finish()
    assert playground.settle(playground.caught_up), nursery.last_words()
    sent = traffic.expected.rows.total()
    counted = sum(p.rows for (_, _, part), p in pane_sums(playground).items() if part is Part.INPUTS)
    in_windows = count_settled_windows(playground)
    tell(f"split in two and killed {SPLITS} times: {sent} rows sent, {counted} counted, {in_windows} in windows")
    assert counted == sent + repeated > sent
    assert in_windows > sent
    assert not all(report.exact for report in latest_windows(playground).values())
    assert wrong_panes(pane_sums(playground), traffic.expected)


def count_settled_windows(playground: Playground) -> int:
    """Rows in the windows of a day when every window that was to come has come, and no more follows."""
    wanted = window_counts(playground.traffic.expected).keys()
    assert playground.settle(lambda: told(playground).keys() >= wanted), playground.nursery.last_words()
    return sum(report.n for report in latest_windows(playground).values() if report.granularity == "1 day")
