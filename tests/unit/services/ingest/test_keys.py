"""One suite for every memory of Idempotency-Keys."""

import fakeredis
import pytest
import redis

from driftline.clock import ManualClock
from driftline.errors import Unavailable
from services.ingest.adapters.idempotency import CLAIM_SECONDS, ClaimState, Keys
from services.ingest.adapters.redis_keys import RedisKeys
from services.ingest.adapters.sqlite_keys import SqliteKeys
from services.ingest.jobs import Forgetting

NOW = 1_790_000_000_000_000
A, B = b"a" * 32, b"b" * 32
SECOND = 1_000_000


@pytest.fixture(params=["sqlite", "redis"])
def keys(request, tmp_path):
    found: Keys
    if request.param == "sqlite":
        found = SqliteKeys(tmp_path / "keys.db", keep_seconds=3600)
    else:
        found = RedisKeys(fakeredis.FakeRedis(), keep_seconds=3600)
    yield found
    found.close()


def test_a_new_key_is_claimed_once(keys):
    assert keys.claim("k", A, NOW).state is ClaimState.NEW
    assert keys.claim("k", A, NOW + 1).state is ClaimState.UNDER_WAY
    assert keys.claim("other", A, NOW).state is ClaimState.NEW


def test_a_kept_answer_is_given_again(keys):
    keys.claim("k", A, NOW)
    keys.keep("k", A, b'{"accepted":1}', NOW)

    claim = keys.claim("k", A, NOW + 5)

    assert (claim.state, claim.answer) == (ClaimState.ANSWERED, b'{"accepted":1}')


def test_another_body_under_the_same_key_is_told_apart(keys):
    keys.claim("k", A, NOW)
    assert keys.claim("k", B, NOW).state is ClaimState.OTHER_BODY
    keys.keep("k", A, b"{}", NOW)
    assert keys.claim("k", B, NOW).state is ClaimState.OTHER_BODY


def test_a_released_key_is_free_again(keys):
    keys.claim("k", A, NOW)
    keys.release("k")

    assert keys.claim("k", B, NOW).state is ClaimState.NEW


def test_a_claim_whose_process_died_is_free_after_a_while(tmp_path):
    path = tmp_path / "keys.db"
    first = SqliteKeys(path, keep_seconds=3600)
    first.claim("k", A, NOW)
    second = SqliteKeys(path, keep_seconds=3600)

    assert second.claim("k", A, NOW + (CLAIM_SECONDS - 1) * SECOND).state is ClaimState.UNDER_WAY
    assert second.claim("k", A, NOW + CLAIM_SECONDS * SECOND).state is ClaimState.NEW
    first.close()
    second.close()


def test_answers_survive_a_restart_and_are_forgotten_in_time(tmp_path):
    path = tmp_path / "keys.db"
    first = SqliteKeys(path, keep_seconds=3600)
    first.claim("k", A, NOW)
    first.keep("k", A, b"{}", NOW)
    first.close()
    second = SqliteKeys(path, keep_seconds=3600)
    clock = ManualClock(NOW + 3599 * SECOND)
    forgetting = Forgetting(second, clock)

    forgetting.run_if_due()
    assert second.claim("k", A, clock.now_us()).state is ClaimState.ANSWERED
    clock.advance(2 * SECOND)
    forgetting.run_if_due()  # not due yet, but too old to be given again
    assert second.claim("k", A, clock.now_us()).state is ClaimState.NEW
    assert second.forget(NOW + 10_000 * SECOND) == 1
    second.close()


def test_a_redis_that_does_not_answer_is_unavailable():
    server = fakeredis.FakeServer()
    server.connected = False
    keys = RedisKeys(fakeredis.FakeRedis(server=server), keep_seconds=60)

    with pytest.raises(Unavailable, match="Redis"):
        keys.claim("k", A, NOW)


def test_a_key_that_expires_under_the_hand_is_claimed_again():
    class Expiring(fakeredis.FakeRedis):
        def get(self, name):
            self.delete(name)

    client = Expiring()
    client.set("driftline:ingest:key:k", A)
    keys = RedisKeys(client, keep_seconds=60)

    assert keys.claim("k", A, NOW).state is ClaimState.NEW
    assert isinstance(client, redis.Redis)
