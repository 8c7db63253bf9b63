"""Why somebody was told of an alert, or was not, in plain sentences. It asks the pipeline itself, so it cannot say another thing."""

from collections.abc import Iterable
from dataclasses import dataclass

from driftline.alerting.alert import Alert, Status
from driftline.alerting.decisions import Notify, NotifyReason, Suppress, SuppressReason
from driftline.alerting.grouping import Group
from driftline.alerting.pipeline import Look, decide
from driftline.alerting.silences import Silence
from driftline.envelope import moment
from driftline.wording import amount

WHY_NOT: dict[SuppressReason, str] = {
    SuppressReason.NOT_CONFIGURED: "the channel has no address; set one, see docs/channels",
    SuppressReason.RESOLVED_BEFORE_TOLD: "it began and ended between two looks at its group, so nobody had heard of it",
    SuppressReason.SILENCED: "a silence held for all that there was to tell; what still fires is told when it ends",
    SuppressReason.INHIBITED: "another alert that fired explained all that there was to tell (inhibit_rules)",
    SuppressReason.MODEL_CHANGED: "the model was deployed or got another baseline, which explains new drift; what still fires is told",
    SuppressReason.SPOKEN_FOR: "more urgent drift of the same model and window fires, and was told; what still fires then is told",
    SuppressReason.FLAPPING: "it begins and ends all the time; what still fires is told once it has held for a while",
    SuppressReason.MUTED: "the route tells nothing at that time (mute_time_intervals, active_time_intervals); it is told afterwards",
    SuppressReason.RESOLVED_NOT_WANTED: "the channel wants to hear of no ends (send_resolved: false)",
}

WHY: dict[NotifyReason, str] = {
    NotifyReason.FIRST: "it had not heard of anything that fires here",
    NotifyReason.NEW_ALERTS: "alerts joined the group",
    NotifyReason.RAISED: "an alert became more urgent",
    NotifyReason.SOME_RESOLVED: "some alerts of the group ended",
    NotifyReason.ALL_RESOLVED: "all alerts of the group ended",
    NotifyReason.ACKNOWLEDGED: "somebody takes care of it",
    NotifyReason.UNACKNOWLEDGED: "nobody takes care of it any more",
    NotifyReason.DIGEST: "the period of the digest is over",
    NotifyReason.REPEAT: "it still fires and repeat_interval is over",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A notification that is still on its way."""

    attempts: int
    due_at: int
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenUp:
    """A notification that could not be delivered."""

    attempts: int
    at: int
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """One channel of one of the alert's groups."""

    look: Look
    """What a look at the group would find now."""
    waiting: Waiting | None
    """What the channel has not taken yet."""
    given_up: GivenUp | None = None
    """The last notification, if it told of the alert and failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A group that tells of the alert."""

    group: Group
    leaving: bool
    tellings: tuple[Telling, ...]


def explain(
    alert: Alert,
    places: Iterable[Place],
    *,
    silences: Iterable[Silence],
    inhibitor: Alert | None,
    held: Iterable[str],
    next_levels: Iterable[tuple[int, str]],
) -> tuple[str, ...]:
    """Sentences in the order in which things are decided. `silences` are those that hold for it now; `held` says what else keeps it back.

    `next_levels` are the times at which it is escalated, and to whom by the rotas that hold now.
    """
    said = [_state(alert)]
    if alert.acknowledged is not None and alert.status is Status.FIRING:
        care = alert.acknowledged
        until = "it ends" if care.until is None else moment(care.until)
        said.append(f"{care.by} takes care of it until {until}: it is neither repeated nor escalated.{_comment(care.comment)}")
    said += [
        f"The silence {one.silence_id} of {one.created_by or 'somebody'} keeps it quiet until {moment(one.ends_at)}."
        f"{_comment(one.comment)}"
        for one in silences
    ]
    if inhibitor is not None:
        said.append(f"{inhibitor.title} ({inhibitor.alert_id}) fires and explains it: nothing new is told of it meanwhile.")
    said += held
    found = list(places)
    if not found:
        said.append("No group tells of it: everybody who had heard of it knows that it is over.")
    for place in found:
        said += _place(alert, place)
    if alert.status is Status.FIRING and alert.acknowledged is None:
        said += [f"Unless somebody takes care of it, it is escalated to {to!r} at {moment(at)}." for at, to in next_levels]
    return tuple(said)


def explain_suppression(reason: str) -> str:
    """Why a notification of this reason was not sent."""
    return f"Not sent because {WHY_NOT[SuppressReason(reason)]}."


def _state(alert: Alert) -> str:
    since = f"since {moment(alert.starts_at)}"
    if alert.ends_at is not None:
        return f"{alert.title}: it held {since} and ended {moment(alert.ends_at)}."
    return f"{alert.title}: it fires {since}, with priority {alert.priority.value}."


def _place(alert: Alert, place: Place) -> list[str]:
    group = place.group
    next_look = "when something changes" if group.next_look_at is None else moment(group.next_look_at)
    if place.leaving:
        head = f"It left the group {group.key} and is in it only until its end has been told there."
    else:
        head = f"The route {group.route_key} sends it to {group.receiver!r}, in the group {group.key}; next look: {next_look}."
    said = [head]
    if not place.tellings:
        said.append(f"  The receiver {group.receiver!r} has no channels: nobody is told.")
    return [*said, *(f"  {telling.look.channel.name}: {_telling(alert, telling)}." for telling in place.tellings)]


def _telling(alert: Alert, telling: Telling) -> str:
    look = telling.look
    if telling.waiting is not None:
        return _waiting(telling.waiting)
    heard = alert.alert_id in look.heard
    past = f"told at {moment(look.told.at)}" if heard and look.told is not None else "not told of it"
    if telling.given_up is not None:
        past = f"{past}; {_given_up(telling.given_up)}"
    match decide(look):
        case Notify(reason):
            return f"{past}; a notification follows at the next look because {WHY[reason]}"
        case Suppress(reason=reason):
            return f"{past}; nothing is sent because {WHY_NOT[reason]}"
        case wait:
            held = next((one.held for one in look.members if one.alert.alert_id == alert.alert_id), None)
            if held is not None:
                return f"{past}; nothing is sent because {WHY_NOT[held]}"
            if wait.until is None:
                return f"{past}; there is nothing to repeat"
            return f"{past}; told again after {moment(wait.until)} if it still fires and nobody takes care of it"


def _given_up(lost: GivenUp) -> str:
    return f"the last notification was given up at {moment(lost.at)} after {amount(lost.attempts, 'try')} ({lost.error})"


def _waiting(waiting: Waiting) -> str:
    # Whether the channel heard of the alert before is not known here: what is decided counts as told while it is tried.
    if not waiting.attempts:
        return "a notification is about to be sent"
    trouble = f" ({waiting.error})" if waiting.error else ""
    return f"a notification is on its way, tried {amount(waiting.attempts, 'time')}{trouble}, next try {moment(waiting.due_at)}"


def _comment(text: str) -> str:
    return f' It says: "{text}"' if text else ""
