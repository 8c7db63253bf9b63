"""Microsoft Teams, by a Workflows webhook.

It answers 202: accepted, which does not prove that the workflow posted it. The id goes along as `x-ms-client-tracking-id`, which the
workflow's run history shows; Workflows know no idempotency key.
"""

import re

from driftline.alerting.channels.teams import message_card
from driftline.alerting.delivery import Delivered, Outcome, judge
from services.alerting.adapters.channels.guarded import Answer
from services.alerting.adapters.channels.json_post import JsonPost, Place, Reach
from services.alerting.adapters.channels.port import Outgoing

_ACCEPTED = frozenset({200, 202})
_FAILED_INSIDE = re.compile(rb"HTTP error (\d{3})")
"""A throttled or oversized message may be answered 200 with these words."""


class TeamsChannel:
    """Posts to one workflow."""

    def __init__(self, place: Place, reach: Reach) -> None:
        """Raises ConfigurationError for a URL that can never be sent to."""
        self._post = JsonPost(place, reach)
        self.host = self._post.host
        self._clock = reach.clock

    def send(self, message: Outgoing) -> Outcome:
        """Post the card; see the Channel port."""
        answer = self._post(message_card(message.message), {"x-ms-client-tracking-id": message.notification_id})
        if not isinstance(answer, Answer):
            return answer
        inside = _FAILED_INSIDE.search(answer.body) if answer.code in _ACCEPTED else None
        code = answer.code if inside is None else int(inside[1])
        outcome = judge(code, retry_after=answer.retry_after, now=self._clock.now_us(), delivered=_ACCEPTED)
        return Delivered(answer.code) if isinstance(outcome, Delivered) else outcome

    def close(self) -> None:
        """Let go of connections."""
        self._post.close()
