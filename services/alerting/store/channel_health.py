"""Says on `health` that a channel fails, and that it works again. What an earlier process said stands in the alerts.

The alert about a failing channel goes by all channels of its route, the failing one included, whose outbox keeps it until it works.
"""

from sqlalchemy import Connection

from driftline import topics
from driftline.alerting.alert import fingerprint
from driftline.alerting.intake import identity
from driftline.events import HealthCleared, HealthOpened
from services.alerting.store import alerts, outbox

KIND = "channel_failing"
_HEALTH = topics.name("health")


def open_condition(batch: outbox.Batch, channel: str, error: str, now: int) -> None:
    """Say that it fails."""
    event = HealthOpened(
        source="alerting",
        subject=channel,
        kind=KIND,
        severity="HIGH",
        detail=f"the channel {channel} does not take notifications: {error}. See its settings, or whether the receiver is up.",
        labels={},
        at=now,
    )
    batch.tell_to(_HEALTH, channel, event, outbox.Cause(channel, (KIND, channel, now)))


def close_condition(batch: outbox.Batch, channel: str, now: int) -> None:
    """Say that it works."""
    batch.tell_to(_HEALTH, channel, _cleared(channel, now), outbox.Cause(channel, (KIND, channel, now)))


def is_open(tx: Connection, channel: str) -> bool:
    """Whether an alert says that it fails."""
    known = alerts.find(tx, fingerprint(identity(_cleared(channel, 0))))
    return known is not None and known.ends_at is None


def _cleared(channel: str, now: int) -> HealthCleared:
    return HealthCleared(source="alerting", subject=channel, kind=KIND, labels={}, at=now)
