import json
from dataclasses import replace

import pytest

from driftline.alerting.picture import draw
from driftline.alerting.trend import read_trend
from services.alerting.api.pictures import picture_routes
from services.alerting.store import outbox
from services.alerting.store.response import windows
from tests.unit.alerting.builders import detected
from tests.unit.alerting.response.builders import window


@pytest.fixture
def pictures(parts, door):
    return door(lambda _: (picture_routes(parts.database),))


def test_the_picture_of_a_notification_is_that_of_its_trend(parts, pictures) -> None:
    event = detected(kind="feature")
    with parts.database.write() as tx:
        for day in range(4):
            seen = window(day, model_id=event.model_id, model_version=event.model_version, granularity=event.granularity)
            windows.save(tx, replace(seen, feature_psi={"temp": 0.2 * day}), 1)
    parts.take(event)
    parts.pass_time(30)
    (row,) = parts.notifications()
    with parts.database.read() as tx:
        found = outbox.find(tx, row.notification_id)
    trend = read_trend(json.loads(found.body)["alerts"][0]["trend"], str)
    assert trend is not None
    answer = pictures.get(f"/v1/pictures/{row.notification_id}.png")
    assert answer.headers["content-type"] == "image/png"
    assert answer.content == draw(trend)


def test_what_has_no_picture_is_not_found(parts, pictures) -> None:
    parts.take(detected())
    parts.pass_time(30)
    (row,) = parts.notifications()
    assert pictures.get(f"/v1/pictures/{row.notification_id}.png").status_code == 404
    assert pictures.get("/v1/pictures/msg_0.png").status_code == 404
