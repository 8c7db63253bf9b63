"""A channel whose messages say what the configuration has them say. Importing it loads Jinja2."""

import json

import structlog

from driftline.alerting.channels.message import OwnWords, read
from driftline.alerting.channels.texts import clip, one_line
from driftline.alerting.delivery import Outcome
from driftline.alerting.templates.context import context
from driftline.alerting.templates.own_texts import OwnTexts
from driftline.alerting.templates.rendering import Texts
from services.alerting.adapters.channels.port import Channel, Outgoing, shows_care
from services.alerting.metrics import TEMPLATE_FAILURES

log = structlog.get_logger("driftline.alerting")


class WordedChannel:
    """Renders the texts of a channel; one that fails is left out, so that our words go out in its place."""

    def __init__(self, channel: Channel, texts: OwnTexts, receiver: str) -> None:
        """Raises TextFault for what cannot be parsed, which the configuration has been checked for."""
        self._channel = channel
        self._texts = Texts(texts)
        self._receiver = receiver
        self._failures = TEMPLATE_FAILURES.labels(receiver)
        self.host = channel.host
        self.shows_care = shows_care(channel)

    def send(self, message: Outgoing) -> Outcome:
        """Send with own words; see the Channel port."""
        own = self._words(message)
        return self._channel.send(Outgoing(message.notification_id, message.body, message.thread, own))

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def _words(self, message: Outgoing) -> OwnWords:
        body = json.loads(message.body)
        words, faults = self._texts.words(context(body, read(message.notification_id, body)))
        for field, fault in faults.items():
            self._failures.inc()
            log.warning(
                "a text of a receiver could not be rendered; the message goes out with our words",
                receiver=self._receiver,
                field=field,
                notification_id=message.notification_id,
                problem=clip(one_line(fault.problem), 300),
                line=fault.line,
                remedy="driftline alert templates test",
            )
        return words
