"""SIGKILL at random moments while alerts are posted and told: none is lost, and only what was just being sent is sent again.

`DRIFTLINE_TEST_ALERTS` and `DRIFTLINE_TEST_KILLS` are how much of it; 1000 and 50 take some minutes.
"""

import os
import random
import sqlite3
import threading
import time
from collections import Counter

import httpx
import pytest

from tests.integration.alerting_harness import wait_for
from tests.integration.alertmanagers import Driftline, Router, Sink, moment

pytestmark = [pytest.mark.integration, pytest.mark.chaos, pytest.mark.timeout(1_200)]

ALERTS = int(os.environ.get("DRIFTLINE_TEST_ALERTS", "120"))
KILLS = int(os.environ.get("DRIFTLINE_TEST_KILLS", "4"))
CONFIG = """
route: {{receiver: all, group_by: [alertname], group_wait: 500ms, group_interval: 5m, repeat_interval: 4h}}
receivers: [{{name: all, webhook_configs: [{{url: "{}/all"}}]}}]
"""


class Poster(threading.Thread):
    """Posts every alert until it was taken in, and then never again."""

    def __init__(self, router: Router, per_second: float) -> None:
        super().__init__()
        self._router = router
        self._rest = 1 / per_second
        self.taken = 0

    def run(self) -> None:
        while self.taken < ALERTS:
            try:
                self._router.post({"labels": {"alertname": f"alert-{self.taken}"}, "endsAt": moment(3_600)})
                self.taken += 1
            except httpx.HTTPError:
                pass  # nobody is there
            time.sleep(self._rest)


def under_way(router: Router) -> int:
    """Sends that were begun and not recorded, by the database that a kill left behind."""
    with sqlite3.connect(router.folder / "alerting.db") as database:
        now = time.time_ns() // 1_000
        query = "SELECT count(*) FROM outbox WHERE state = 'pending' AND attempts > 0 AND due_at > ?"
        return int(database.execute(query, (now,)).fetchone()[0])


def test_no_alert_is_lost_and_only_what_was_being_sent_is_sent_again(tmp_path) -> None:
    chance = random.Random(7)
    in_flight = 0
    with Sink() as sink, Driftline(tmp_path, CONFIG.format(sink.url)) as router:
        sink.delay = 0.05
        poster = Poster(router, per_second=ALERTS / (KILLS * 2.0))
        poster.start()
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.2, 2.0))
            router.kill()
            in_flight += under_way(router)
            router.start()
        poster.join()
        wait_for(
            lambda: len({one.body["groupLabels"]["alertname"] for one in sink.told}) == ALERTS, 60, "all alerts to be told"
        )
        time.sleep(2)
        names = Counter(one.body["groupLabels"]["alertname"] for one in sink.told)
        ids = {(one.body["groupLabels"]["alertname"], one.id) for one in sink.told}
    again = sum(names.values()) - len(names)
    print(f"{KILLS} kills, {ALERTS} alerts: {again} sent again, {in_flight} were being sent at a kill")
    assert len(names) == ALERTS
    assert len(ids) == ALERTS, "an alert was told under two ids"
    assert again <= in_flight
