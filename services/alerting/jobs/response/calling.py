"""Calls people: a condition on `health`, which becomes an alert like any other, is routed, acknowledged and told of its end."""

from sqlalchemy import Connection

from driftline import topics
from driftline.alerting.alert import fingerprint
from driftline.alerting.intake import identity
from driftline.alerting.response.escalation import CONTACTS, Level, escalate
from driftline.alerting.response.policy import ModelPolicy
from driftline.events import HealthCleared, HealthOpened
from services.alerting.store import alerts, outbox
from services.alerting.store.response import calls
from services.alerting.store.response.calls import ANSWERED, CLOSED, UNANSWERED, Call

NEEDED, EMERGENCY = "response_needed", "response_emergency"
NOT_ANSWERED = "response_unanswered"
APPROVAL_EXPIRED = "response_approval_expired"
APPROVAL_WANTED = "response_approval_wanted"
SWITCHED_OFF = "response_switched_off"
DATA_TEAM = "response_data_team"

_HEALTH = topics.name("health")


def call(tx: Connection, batch: outbox.Batch, wanted: Call, policy: ModelPolicy) -> bool:
    """Call people, unless they are called already; returns whether they were."""
    if not calls.add(tx, wanted):
        return False
    due = " Answer within 15 minutes by acknowledging this alert." if wanted.due_at is not None else ""
    whom = ", ".join(policy.contacts or CONTACTS)
    event = HealthOpened(
        source="alerting",
        subject=wanted.model_id,
        kind=wanted.kind,
        severity=Level(wanted.level).severity,
        detail=f"{wanted.reason} ({wanted.call_id}). For: {whom}.{due}",
        labels={"model_id": wanted.model_id},
        at=wanted.opened_at,
    )
    batch.tell_to(_HEALTH, wanted.model_id, event, outbox.Cause(wanted.model_id, (wanted.kind, wanted.call_id)))
    return True


def called(kind: str, incident_id: str, model_id: str, level: Level, *, reason: str, now: int) -> Call:
    """A call of this kind; an emergency must be answered within 15 minutes."""
    # What tells two calls of a second apart: a plan that waits is named in its reason.
    made = escalate(f"{incident_id}|{kind}|{reason}", model_id, level, reason=reason, now=now)
    return Call(
        call_id=made.escalation_id,
        kind=kind,
        incident_id=incident_id,
        model_id=model_id,
        level=level.value,
        reason=reason,
        opened_at=now,
        due_at=made.due_at if kind == EMERGENCY else None,
    )


def end(tx: Connection, batch: outbox.Batch, over: Call, now: int) -> None:
    """What people were called for is over; one alert of a kind and model holds as long as any call of it does."""
    calls.set_state(tx, over.call_id, CLOSED)
    if any(one.kind == over.kind for one in calls.out_of(tx, over.model_id)):
        return
    batch.tell_to(_HEALTH, over.model_id, _cleared(over, now), outbox.Cause(over.model_id, (over.kind, over.call_id, now)))


def unanswered(tx: Connection, batch: outbox.Batch, late: Call, policy: ModelPolicy, now: int) -> None:
    """The 15 minutes are over: whoever acknowledged the alert has answered, else everybody is called once more."""
    alert = alerts.find(tx, fingerprint(identity(_cleared(late, now))))
    if alert is not None and alert.acknowledged is not None:
        calls.set_state(tx, late.call_id, ANSWERED)
        return
    calls.set_state(tx, late.call_id, UNANSWERED)
    reason = f"nobody answered {late.call_id} within 15 minutes: {late.reason}"
    again = called(NOT_ANSWERED, late.incident_id, late.model_id, Level.EMERGENCY, reason=reason, now=now)
    call(tx, batch, again, policy)


def _cleared(of: Call, now: int) -> HealthCleared:
    return HealthCleared(
        source="alerting", subject=of.model_id, kind=of.kind, labels={"model_id": of.model_id}, at=max(now, of.opened_at)
    )
