"""Actions that leave by other ways than Kafka: once by their key, repeated until they are taken, or given up."""

import json
from pathlib import Path
from typing import Any

import pytest

from driftline.alerting.addresses import parse_allow_list
from driftline.alerting.delivery import Delivered, Refused, TryAgain
from driftline.alerting.response.policy import Delivery
from driftline.clock import ManualClock
from services.alerting.adapters.channels.port import Outgoing
from services.alerting.adapters.response.ways import MlflowAlias, NotConfigured, build_ways
from services.alerting.settings import AlertingSettings
from tests.unit.alerting.response.builders import policy
from tests.unit.services.alerting.response.test_responder import AGREE, drift

HOOKED: dict[str, Any] = {"deliver": (Delivery.SERVING_COMMANDS, Delivery.WEBHOOK)}
EVERYWHERE: dict[str, Any] = {"deliver": tuple(Delivery), "mlflow_name": "flights"}


def test_a_webhook_that_fails_is_sent_again_with_the_same_key_and_body(make_house):
    house = make_house(policy(**HOOKED))
    house.way.answer = TryAgain("answered 503", 503)
    drift(house, 45, 45)
    assert house.states()[-1] == "executing"
    house.way.answer = Delivered(200)
    house.restart()
    house.work(61)
    house.work()
    assert house.states()[-1] == "verifying"
    first, second = house.way.sent
    assert (first.notification_id, first.body) == (second.notification_id, second.body)
    body = json.loads(first.body)
    assert body["idempotency_key"] == first.notification_id == house.commands()[0].idempotency_key
    assert (body["request"], body["endpoint"]) == ("retrain_model", "flights-delay")


def test_what_is_refused_fails_the_plan_with_its_error(make_house):
    house = make_house(policy(**HOOKED))
    house.way.answer = Refused("answered 400", 400)
    drift(house, 45, 45)
    assert house.states()[-1] == "failed"
    assert (house.steps()[-1].results[0].status, house.steps()[-1].results[0].error) == ("error", "answered 400")


def test_what_is_never_taken_fails_the_plan_after_an_hour_and_is_sent_no_more(make_house):
    house = make_house(policy(**HOOKED))
    house.way.answer = TryAgain("no answer")
    drift(house, 45, 45)
    house.work(3_600)
    assert "failed" in house.states()
    house.way.answer = Delivered(200)
    sent = len(house.way.sent)
    house.work(3_600)
    assert len(house.way.sent) == sent


def test_an_alias_moves_only_with_a_version(make_house):
    house = make_house(policy(**EVERYWHERE))
    house.promote("1", at=1)
    house.window(95, measures=AGREE)
    house.work()
    bodies = [json.loads(one.body) for one in house.way.sent]
    assert [body for body in bodies if "alias" in body] == [{"name": "flights", "alias": "champion", "version": "1"}]
    assert len(bodies) == 3, "the webhook hears of both actions"


def test_a_crash_after_sending_repeats_the_send_with_the_same_key(make_house):
    house = make_house(policy(**HOOKED))

    class Crash(Exception):
        pass

    def die(*_):
        raise Crash

    sender: Any = house.sender
    sender._settle = die
    with pytest.raises(Crash):
        drift(house, 45, 45)
    house.restart()
    house.work(59)
    assert len(house.way.sent) == 1, "the lease holds"
    house.work(1)
    assert len({one.notification_id for one in house.way.sent}) == 1
    assert len(house.way.sent) == 2


def test_a_way_without_an_address_is_refused_by_the_name_of_its_setting():
    found = NotConfigured("DRIFTLINE_X").send(Outgoing("k", b"{}"))
    assert found == Refused("not configured: set DRIFTLINE_X")


def test_settings_make_the_ways(tmp_path: Path):
    secret = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldY"
    given: dict[str, Any] = {
        "alerting_response_webhook_url": "https://hooks.example.com/secret-path",
        "alerting_response_webhook_secret": secret,
        "alerting_response_mlflow_url": "https://mlflow.example.com",
        "alerting_response_mlflow_token": "hidden",
    }
    settings = AlertingSettings(tokens_file=tmp_path / "t", data_dir=tmp_path, **given)
    ways = build_ways(settings, ManualClock(1))
    assert not isinstance(ways["webhook"], NotConfigured)
    assert "hidden" not in repr(ways) + repr(settings)
    assert "secret-path" not in repr(settings)
    assert len(settings.response_webhook_keys) == 1
    assert isinstance(ways["mlflow"], MlflowAlias)
    assert isinstance(
        build_ways(AlertingSettings(tokens_file=tmp_path / "t", data_dir=tmp_path), ManualClock(1))["mlflow"], NotConfigured
    )


class Client:
    """In place of the guarded one."""

    def __init__(self):
        self.posted = []

    def post(self, body, headers):
        self.posted.append((json.loads(body), headers))
        return Refused("private address")

    def close(self):
        pass


def test_mlflow_is_asked_by_its_rest_api_with_the_token():
    way = MlflowAlias("https://mlflow.example.com/", "hidden", parse_allow_list(()), ManualClock(1))
    assert way._client._parts.path == "/api/2.0/mlflow/registered-models/alias"
    client: Any = Client()
    way._client = client
    assert way.send(Outgoing("k", b'{"name": "m"}')) == Refused("private address")
    assert client.posted[0][1]["Authorization"] == "Bearer hidden"
