"""Says on `health` that a channel fails, and that it works again. Whether it was said stands in the alerts, as for any other cause.

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


def note_failing(tx: Connection, batch: outbox.Batch, channel: str, error: str, now: int) -> None:
    """Open the condition unless it is open."""
    event = HealthOpened(
        source="alerting",
        subject=channel,
        kind=KIND,
        severity="HIGH",
        detail=f"the channel {channel} does not take notifications: {error}. See its settings, or whether the receiver is up.",
        labels={},
        at=now,
    )
    if not _is_open(tx, event):
        batch.tell_to(_HEALTH, channel, event, outbox.Cause(channel, (KIND, channel, now)))


def note_working(tx: Connection, batch: outbox.Batch, channel: str, now: int) -> None:
    """Close the condition if it is open."""
    event = HealthCleared(source="alerting", subject=channel, kind=KIND, labels={}, at=now)
    if _is_open(tx, event):
        batch.tell_to(_HEALTH, channel, event, outbox.Cause(channel, (KIND, channel, now)))


def _is_open(tx: Connection, event: HealthOpened | HealthCleared) -> bool:
    known = alerts.find(tx, fingerprint(identity(event)))
    return known is not None and known.ends_at is None
