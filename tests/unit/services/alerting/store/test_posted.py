"""What only posted alerts have, in SQL."""

from driftline.alerting.posted import PostedAlert
from services.alerting.store import alerts

SECOND = 1_000_000


def test_a_crowd_that_is_not_sent_again_ends_in_several_transactions(parts) -> None:
    now = parts.clock.now_us()
    crowd = [
        PostedAlert(labels={"alertname": f"a{number}"}, annotations={}, starts_at=now, ends_at=now + SECOND)
        for number in range(1_050)
    ]
    parts.intake.post(crowd)
    parts.clock.advance(2 * SECOND)
    assert parts.intake.expire() == now + SECOND
    with parts.database.read() as tx:
        assert len(alerts.firing(tx)) == 50
    assert parts.intake.expire() is None
    with parts.database.read() as tx:
        assert alerts.firing(tx) == []
