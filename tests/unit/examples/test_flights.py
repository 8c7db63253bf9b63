"""examples.flights: the stream is the true one, and its checks can fail."""

import base64
import dataclasses
import hashlib
import hmac
from typing import Any

import numpy as np
import pytest

from driftline.events import ColumnDrift
from driftline.kafka.ports import TopicPartition
from examples.flights import data, findings
from examples.flights.driver import DAY_US, Pace, days
from examples.flights.receiver import Receiver
from tests.unit.alerting.builders import cleared, detected


@pytest.fixture(scope="module")
def flights():
    return data.load()


def test_the_year_has_its_336776_flights_with_ids_of_their_own(flights):
    assert len(flights.frame) == 336_776
    assert flights.frame["prediction_id"].is_unique


def test_the_stream_begins_in_march_and_cancelled_flights_never_get_an_outcome(flights):
    stream = flights.part((flights.frame["month"] >= data.FIRST_MONTH).to_numpy())
    assert len(stream.predicted_us) == 284_821
    assert (stream.known_us >= 0).sum() == 277_337
    assert ((stream.known_us >= 0) == stream.frame["late"].notna()).all()


def test_outcomes_are_known_hours_after_departure(flights):
    delay = (flights.known_us - flights.predicted_us)[flights.known_us >= 0] / 3.6e9
    assert delay.min() > 0
    assert 2 < np.median(delay) < 4
    assert delay.max() < 36


def test_a_known_flight_lands_when_it_landed(flights):
    """UA 1545, 1 January, Newark to Houston: due 08:19 Central, 11 minutes late: 14:30 UTC."""
    row = flights.frame.index[flights.frame["prediction_id"] == "UA-1545-EWR-2013-01-01T10:00:00Z"][0]
    assert flights.predicted_us[row] == 1_357_035_300_000_000  # 10:15 UTC
    assert flights.known_us[row] == 1_357_050_600_000_000  # 14:30 UTC


def test_missing_weather_stays_missing(flights):
    assert flights.frame["wind_gust"].isna().mean() > 0.5


def test_days_hold_every_flight_once_as_prediction_and_once_as_outcome(flights):
    some = flights.part((flights.frame["month"] == 3).to_numpy())
    predicted, known = [], []
    last = 0
    for start, rows, arrivals in days(some):
        assert start > last
        assert ((some.predicted_us[rows] >= start) & (some.predicted_us[rows] < start + DAY_US)).all()
        assert ((some.known_us[arrivals] >= start) & (some.known_us[arrivals] < start + DAY_US)).all()
        assert (np.diff(some.known_us[arrivals]) >= 0).all()
        last = start
        predicted += rows.tolist()
        known += arrivals.tolist()
    assert sorted(predicted) == list(range(len(some.predicted_us)))
    assert sorted(known) == np.flatnonzero(some.known_us >= 0).tolist()


class FakeAdmin:
    def __init__(self):
        self.end = 0
        self.done = {"profile": 0, "join": 0}

    def end_offsets(self, partitions, _isolation):
        return dict.fromkeys(partitions, self.end)

    def group_offsets(self, group):
        return {
            TopicPartition(f"driftline.{topic}", p): self.done[group] for topic in ("predictions", "labels") for p in range(8)
        }


def test_the_driver_stays_three_days_ahead_of_the_slower_group():
    admin: Any = FakeAdmin()
    pace = Pace(admin, {"profile": ["predictions"], "join": ["predictions", "labels"]})
    for day in (10, 20, 30):
        assert pace.may_go_on()
        admin.end = day
        pace.day_is_sent()
    assert not pace.may_go_on()
    admin.done["profile"] = 30
    assert not pace.may_go_on()
    admin.done["join"] = 10
    assert pace.may_go_on()
    assert not pace.all_committed()
    admin.done["join"] = 30
    assert pace.all_committed()


KEY = b"0123456789abcdef01234567"


def signed(body, key):
    mac = hmac.new(key, b"id.1." + body, hashlib.sha256).digest()
    return {"webhook-id": "id", "webhook-timestamp": "1", "webhook-signature": "v1," + base64.b64encode(mac).decode()}


def test_the_receiver_keeps_only_messages_with_a_good_signature():
    receiver = Receiver("whsec_" + base64.b64encode(KEY).decode())
    body = b'{"status": "firing"}'
    assert receiver.take(signed(body, KEY), body) == 200
    assert receiver.take(signed(body, b"other"), body) == 401
    assert receiver.take(signed(body, KEY), body + b" ") == 401
    assert receiver.take({}, body) == 401
    assert (receiver.messages, receiver.refused) == ([{"status": "firing"}], 3)


def test_episodes_join_what_opened_them_changed_them_and_cleared_them():
    def opened(sequence, value):
        moved = (ColumnDrift(column="temp", measure="psi", value=value, limit=0.25),)
        return detected(sequence=sequence, columns=moved)

    ended = cleared(sequence=3, window_end=6)
    (episode,) = findings.episodes([opened(1, 2.0), opened(2, 1.0), ended])
    assert (episode.worst, episode.until) == ({"temp": 2.0}, 6)
    assert findings.episodes([dataclasses.replace(opened(1, 2.0), alert=False)]) == []
