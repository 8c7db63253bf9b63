"""PagerDuty, by the Events API v2: 202 is taken, 400 is final, 429 and 5xx are tried again.

The dedup_key makes every repeat harmless: it meets the incident that is open.
"""

import json
from dataclasses import dataclass, field

from driftline.alerting.channels.pagerduty import event
from driftline.alerting.channels.texts import clip, one_line
from driftline.alerting.delivery import Outcome, Refused, judge
from services.alerting.adapters.channels.guarded import Answer
from services.alerting.adapters.channels.json_post import JsonPost, Place, Reach
from services.alerting.adapters.channels.port import Outgoing

_TAKEN = frozenset({202})


@dataclass(frozen=True, slots=True, kw_only=True)
class PagerDutyService:
    """An integration of type Events API v2."""

    routing_key: str = field(repr=False)
    place: Place


class PagerDutyChannel:
    """Sends events to one integration."""

    shows_care = True

    def __init__(self, service: PagerDutyService, reach: Reach) -> None:
        """Raises ConfigurationError for a URL that can never be sent to."""
        self._routing_key = service.routing_key
        self._post = JsonPost(service.place, reach)
        self.host = self._post.host
        self._clock = reach.clock

    def send(self, message: Outgoing) -> Outcome:
        """Trigger or resolve; see the Channel port."""
        answer = self._post(event(message.message, self._routing_key))
        if not isinstance(answer, Answer):
            return answer
        outcome = judge(answer.code, retry_after=answer.retry_after, now=self._clock.now_us(), delivered=_TAKEN)
        if isinstance(outcome, Refused):
            return Refused(f"{outcome.error}{self._complaint(answer.body)}", outcome.code)
        return outcome

    def close(self) -> None:
        """Let go of connections."""
        self._post.close()

    def _complaint(self, body: bytes) -> str:
        """What PagerDuty did not like, in its own words but without our key."""
        try:
            errors = json.loads(body)["errors"]
        except (ValueError, KeyError, TypeError):
            return ""
        return ": " + clip(one_line(str(errors)), 300).replace(self._routing_key, "***")
