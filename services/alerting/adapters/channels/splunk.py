"""Splunk's HTTP Event Collector. 200 says that the event was accepted, not that it is indexed already."""

import json
from dataclasses import dataclass, field

from driftline.alerting.channels.splunk import hec_event
from driftline.alerting.delivery import Outcome, judge
from services.alerting.adapters.channels.guarded import Answer
from services.alerting.adapters.channels.json_post import JsonPost, Place, Reach
from services.alerting.adapters.channels.port import Outgoing

_ACCEPTED = frozenset({200})


@dataclass(frozen=True, slots=True, kw_only=True)
class SplunkCollector:
    """Where events go, such as https://splunk.example.com:8088/services/collector/event, and how they are filed."""

    place: Place
    token: str = field(repr=False)
    sourcetype: str | None = None
    index: str | None = None


class SplunkChannel:
    """Posts to one collector."""

    def __init__(self, collector: SplunkCollector, reach: Reach) -> None:
        """Raises ConfigurationError for a URL that can never be sent to."""
        self._collector = collector
        self._post = JsonPost(collector.place, reach)
        self.host = self._post.host
        self._clock = reach.clock

    def send(self, message: Outgoing) -> Outcome:
        """Post the event; see the Channel port."""
        to = self._collector
        event = hec_event(message.notification_id, json.loads(message.body), sourcetype=to.sourcetype, index=to.index)
        answer = self._post(event, {"Authorization": f"Splunk {to.token}"})
        if not isinstance(answer, Answer):
            return answer
        return judge(answer.code, retry_after=answer.retry_after, now=self._clock.now_us(), delivered=_ACCEPTED)

    def close(self) -> None:
        """Let go of connections."""
        self._post.close()
