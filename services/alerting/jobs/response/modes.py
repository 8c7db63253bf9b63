"""Tells who changed what the response may do: people, or the automation that stops itself."""

from driftline import topics
from driftline.alerting.response.policy import Mode, ResponsePolicy
from driftline.events import ResponseModeChanged
from services.alerting.store import outbox
from services.alerting.store.response.calls import EVERYBODY, Setting

_SWITCHED_OFF = "switched_off"
_TOPIC = topics.name("responses")


def tell_mode(batch: outbox.Batch, before: Setting, after: Setting, policy: ResponsePolicy, *, by: str, reason: str) -> None:
    """Tell of a change at `after.at`; what is set to what it was is none."""
    was, now = _mode(before, policy), _mode(after, policy)
    if was == now:
        return
    event = ResponseModeChanged(model_id=after.model_id, from_mode=was, to_mode=now, actor=by, reason=reason, at=after.at)
    batch.tell_to(_TOPIC, after.model_id, event, outbox.Cause(after.model_id, ("mode", was, now, after.at)))


def _mode(setting: Setting, policy: ResponsePolicy) -> str:
    if setting.model_id == EVERYBODY:
        return Mode.OFF.value if setting.off_reason else ""
    return _SWITCHED_OFF if setting.off_reason else (setting.mode or policy.of(setting.model_id).mode).value
