"""Three replicas on one PostgreSQL, all of them posted to, as Prometheus posts to all Alertmanagers: each group is told once.

Alertmanager's gossip told half of 3,000 groups twice in the same place. `DRIFTLINE_TEST_GROUPS` is how many groups there are.
"""

import os
import threading
import time
from collections import Counter

import pytest
from sqlalchemy import create_engine, text

from tests.integration.alerting_harness import wait_for
from tests.integration.alertmanagers import Driftline, Sink, moment

pytestmark = [pytest.mark.integration, pytest.mark.chaos, pytest.mark.timeout(600)]

GROUPS = int(os.environ.get("DRIFTLINE_TEST_GROUPS", "200"))
AT_ONCE = 100
WORKERS = 32
"""Sends under way at once in a replica, as the settings have it."""
CONFIG = """
route: {{receiver: all, group_by: [alertname], group_wait: 1s, group_interval: 5m, repeat_interval: 4h}}
receivers: [{{name: all, webhook_configs: [{{url: "{}/all", timeout: 5s}}]}}]
"""


@pytest.fixture
def sink():
    with Sink() as sink:
        yield sink


@pytest.fixture
def replicas(sink, tmp_path, postgresql_url):
    made = [Driftline(tmp_path / str(number), CONFIG.format(sink.url)) for number in range(3)]
    for replica in made:
        replica.channel = {"DRIFTLINE_DATABASE_URL": postgresql_url, "DRIFTLINE_LOG_LEVEL": "warning"}
    starting = [threading.Thread(target=replica.start) for replica in made]
    for one in starting:
        one.start()
    for one in starting:
        one.join()
    yield made
    for replica in made:
        replica.__exit__()


def post_to_all(replicas, prefix: str) -> None:
    """Each alert to each of those that live, at the same time."""

    def post(replica) -> None:
        for start in range(0, GROUPS, AT_ONCE):
            numbers = range(start, min(GROUPS, start + AT_ONCE))
            replica.post(*({"labels": {"alertname": f"{prefix}-{number}"}, "endsAt": moment(3_600)} for number in numbers))

    posting = [threading.Thread(target=post, args=(replica,)) for replica in replicas]
    for one in posting:
        one.start()
    for one in posting:
        one.join()


def counts(sink, prefix: str) -> Counter[str]:
    names = [one.body["groupLabels"]["alertname"] for one in list(sink.told)]
    return Counter(name for name in names if name.startswith(prefix))


def test_no_group_is_told_twice_and_after_a_kill_only_what_was_being_sent(replicas, sink, postgresql_url) -> None:
    post_to_all(replicas, "calm")
    wait_for(lambda: len(counts(sink, "calm")) == GROUPS, 120, "all groups to be told")
    time.sleep(2)
    assert sum(counts(sink, "calm").values()) == GROUPS

    sink.delay = 0.1
    first, *others = replicas
    began = len(sink.told)
    post_to_all(replicas, "killed")
    wait_for(lambda: len(sink.told) - began >= GROUPS // 4, 60, "a part of the groups to be told")
    first.kill()
    with create_engine(postgresql_url).connect() as connection:
        claimed = "SELECT count(*) FROM outbox WHERE state = 'pending' AND attempts > 0"
        in_flight = connection.execute(text(claimed)).scalar_one()
    wait_for(lambda: len(counts(sink, "killed")) == GROUPS, 120, "all groups to be told by those that are left")
    time.sleep(16)  # the lease of what was being sent
    again = sum(counts(sink, "killed").values()) - GROUPS
    print(f"{GROUPS} groups, one of three replicas killed: {again} told again, at most {in_flight} were being sent")
    assert again <= min(in_flight, WORKERS)
    assert len({one.id for one in sink.told}) == 2 * GROUPS, "a group was told under two ids"
    assert all(replica.process.poll() is None for replica in others), [replica.log for replica in others]
