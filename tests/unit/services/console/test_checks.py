"""Executions of checks from the topic to the console's answers."""

import dataclasses
import json

import pytest

from driftline.clock import ManualClock
from driftline.codec import encode
from driftline.events import CheckExecution, CheckStatus, CheckTrigger
from driftline.kafka.memory import MemoryCluster
from driftline.kafka.ports import NewTopic
from driftline.topics import catalogue, name
from services.console.consumer import Follower
from services.console.store.checks import CheckQueries
from services.console.store.projection import Projection
from services.console.store.tables import BY_TOPIC, executions, open_tables, schedules
from tests.unit.drift.windows.building import MONITOR, NOW
from tests.unit.services.console.test_application import House as Pages

HOUR = 3_600_000_000
# Models as a bank and a shop would have them.
MODELS = ("model_prod_v2", "fraud_detector", "recommendation_engine")


EXECUTION = CheckExecution(
    check_id="c",
    model_id="fraud_detector",
    model_version="2.0.0",
    trigger=CheckTrigger.SCHEDULED,
    schedule="daily",
    due=NOW,
    start=NOW,
    end=NOW,
    status=CheckStatus.COMPLETED,
    started=NOW,
    duration_ms=125.3,
    monitor_version=1,
    metrics={"input_drift_count": 2.0},
    at=NOW,
)


def execution(number: int, **changes) -> CheckExecution:
    """The n-th check, an hour after the one before."""
    at = NOW + number * HOUR
    return dataclasses.replace(dataclasses.replace(EXECUTION, check_id=f"c{number}", due=at, end=at, at=at), **changes)


class Site(Pages):
    """The console's pages, with executions put into its tables."""

    def put_check(self, check):
        self.put(
            executions,
            **{name: getattr(check, name) for name in executions.c.keys() if name != "said"},  # noqa: SIM118 - columns
            said=json.dumps(dataclasses.asdict(check)),
        )


class House:
    """The topics of the console and what it made of them."""

    def __init__(self):
        self.cluster = MemoryCluster(ManualClock(NOW))
        self.cluster.admin().create([NewTopic(name(topic), catalogue()[topic].partitions) for topic in BY_TOPIC])
        self.engine = open_tables("sqlite://")
        self.checks = CheckQueries(self.engine)
        self.follower = Follower(self.cluster, Projection(self.engine), lambda _: None)
        self.follower.open()
        self.producer = self.cluster.producer()

    def say(self, topic, *events):
        for event in events:
            self.producer.produce(name(topic), encode(event), key=event.model_id.encode())
        while self.follower.step():
            pass

    def history(self, **changes):
        found = self.checks.history(
            model_id=changes.get("model_id"), status=changes.get("status"), request_id=changes.get("request_id"), limit=50
        )
        return [each["check_id"] for each in found]


@pytest.fixture
def house():
    return House()


def test_the_last_record_of_a_check_counts(house):
    house.say("checks", execution(1, status=CheckStatus.RUNNING, duration_ms=None))
    assert house.history(status=CheckStatus.RUNNING) == ["c1"]
    house.say("checks", execution(1))
    assert house.history(status=CheckStatus.RUNNING) == []
    (found,) = house.checks.history(model_id="fraud_detector", status=None, request_id=None, limit=50)
    assert (found["status"], found["duration_ms"], found["metrics"]) == ("COMPLETED", 125.3, {"input_drift_count": 2.0})


def test_history_is_the_latest_fifty_by_model_status_and_request(house):
    house.say("checks", *(execution(number) for number in range(60)))
    house.say("checks", execution(60, model_id="model_prod_v2", request_id="r"), execution(61, status=CheckStatus.FAILED))
    assert house.history() == [f"c{number}" for number in range(61, 11, -1)]
    assert house.history(model_id="model_prod_v2") == house.history(request_id="r") == ["c60"]
    assert house.history(status=CheckStatus.FAILED) == ["c61"]


def test_statistics_are_those_of_44_successes_in_45(house):
    for model in MODELS:
        enabled = model != "recommendation_engine"
        house.say("monitors", dataclasses.replace(MONITOR, model_id=model, check_schedule="daily", check_enabled=enabled))
    house.say("monitors", dataclasses.replace(MONITOR, model_id="credit_risk_v3"))
    house.say("checks", *(execution(n, alert_generated=n < 3) for n in range(44)))
    house.say("checks", execution(44, status=CheckStatus.FAILED), execution(45, status=CheckStatus.SKIPPED))
    house.say("checks", execution(46, status=CheckStatus.RUNNING))
    assert dataclasses.asdict(house.checks.statistics()) == {
        "total_models_configured": 3,
        "total_models_enabled": 2,
        "total_executions": 45,
        "successful_executions": 44,
        "failed_executions": 1,
        "skipped_executions": 1,
        "alerts_generated": 3,
        "success_rate": 97.8,
    }
    alone = house.checks.statistics("model_prod_v2")
    assert (alone.total_models_configured, alone.total_executions, alone.success_rate) == (1, 0, None)


def test_schedules_are_independent_and_the_next_point_comes_first(house):
    for model, schedule in zip(MODELS, ("daily", "hourly", "0 9 * * MON-FRI"), strict=True):
        house.say("monitors", dataclasses.replace(MONITOR, model_id=model, check_schedule=schedule))
    now = 1_769_785_200_000_000  # 2026-01-30 15:00 UTC, a Friday
    found = house.checks.schedules(now)
    assert [(one.model_id, (one.next_run_time - now) / HOUR) for one in found] == [
        ("fraud_detector", 1.0), ("model_prod_v2", 9.0), ("recommendation_engine", 66.0),
    ]  # fmt: skip
    changed = dataclasses.replace(MONITOR, model_id="fraud_detector", monitor_version=2, check_schedule="hourly", paused=True)
    house.say("monitors", changed)
    assert [(one.model_id, one.next_run_time) for one in house.checks.schedules(now)][-1] == ("fraud_detector", None)


def test_the_page_shows_the_schedule_and_the_last_checks_of_the_model(tmp_path):
    site = Site(tmp_path)
    site.log_in()
    site.put_window("fraud_detector")
    assert "Checks</h2>" not in site.ask("GET", "/?model=fraud_detector").text
    values = {"monitor_version": 1, "schedule": "daily", "enabled": True, "time_zone": "UTC"}
    site.put(schedules, model_id="fraud_detector", **values)
    site.put_check(execution(1, status=CheckStatus.FAILED, error_message="<b>timeout</b>"))
    page = site.ask("GET", "/?model=fraud_detector").text
    assert "Checks</h2>" in page
    assert "next <time" in page
    assert "&lt;b&gt;timeout" in page


def test_the_answers_over_http_have_times_that_people_read(tmp_path):
    site = Site(tmp_path)
    site.put_check(execution(1))
    (found,) = site.ask("GET", "/v1/checks?model=fraud_detector&status=COMPLETED", token=site.viewer).json()
    assert (found["started"], found["check_id"]) == ("2023-11-14T22:13:20.000000Z", "c1")
    assert site.ask("GET", "/v1/checks/statistics", token=site.viewer).json()["success_rate"] == 100.0
    assert site.ask("GET", "/v1/checks/schedules", token=site.viewer).json() == []
    assert site.ask("GET", "/v1/checks").status_code == 401
    assert site.ask("GET", "/v1/checks?limit=5000", token=site.viewer).status_code == 422
