"""Does to a group of alerts what somebody wants, whoever carried the wish here."""

from collections.abc import Sequence
from uuid import uuid4

from sqlalchemy import Connection

from driftline.alerting.alert import Acknowledgement, Alert, Status
from driftline.alerting.answers import Answer, Wish
from driftline.alerting.grouping import Group
from driftline.alerting.matchers import Matcher, Operator
from driftline.alerting.silences import Silence
from services.alerting.store import acknowledgements, groups, silences

ACKNOWLEDGED_US = 24 * 3_600_000_000
"""How long it counts that somebody pressed a button."""

SILENCED_US = 2 * 3_600_000_000


def answer(tx: Connection, group: Group, given: Answer, now: int) -> bool:
    """Do it to all alerts of the group that fire; False where there is nothing to do."""
    firing = [member.alert for member in groups.members_of(tx, [group.key])[group.key] if member.alert.status is Status.FIRING]
    match given.wish:
        case Wish.ACKNOWLEDGE:
            idle = [alert for alert in firing if alert.acknowledged is None]
            for alert in idle:
                care = Acknowledgement(by=given.by, at=now, until=now + ACKNOWLEDGED_US)
                acknowledgements.set_for(tx, alert.alert_id, care)
            return bool(idle)
        case Wish.UNACKNOWLEDGE:
            reason = "taken back where it was acknowledged"
            taken = [acknowledgements.take_back(tx, one.alert_id, by=given.by, detail=reason, now=now) for one in firing]
            return any(taken)
        case Wish.SILENCE:
            return _silence(tx, group, firing, given.by, now)


def _silence(tx: Connection, group: Group, firing: Sequence[Alert], by: str, now: int) -> bool:
    """Keep quiet what has the labels of the group; where it has none, those that its alerts have in common."""
    common = dict(group.labels) or _common(firing)
    if not common or not firing:
        return False
    silence = Silence(
        silence_id=str(uuid4()),
        matchers=tuple(Matcher(name, Operator.EQUAL, value) for name, value in sorted(common.items())),
        starts_at=now,
        ends_at=now + SILENCED_US,
        created_by=by,
        comment="by a button",
    )
    silences.add(tx, silence, now)
    return True


def _common(alerts: Sequence[Alert]) -> dict[str, str]:
    labels = [alert.labels for alert in alerts]
    return {name: value for name, value in labels[0].items() if all(one.get(name) == value for one in labels)} if labels else {}
