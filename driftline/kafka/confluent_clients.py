"""librdkafka clients made so that a wrong setting is named and no value is shown."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from confluent_kafka import KafkaException

from driftline.errors import ConfigurationError
from driftline.kafka.configuration import Properties

__all__ = ["LOG", "make_client"]


class _OnceInAWhile(logging.Filter):
    """Lets a line pass once in ten seconds: librdkafka repeats itself at every attempt to reconnect."""

    seconds = 10.0

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Judge by the text without its numbers (client, thread, milliseconds)."""
        text = re.sub(r"[0-9]+", "#", record.getMessage())
        now = time.monotonic()
        with self._lock:
            if now - self._last.get(text, -self.seconds) < self.seconds:
                return False
            if len(self._last) > 1000:
                self._last.clear()
            self._last[text] = now
        return True


LOG = logging.getLogger("driftline.kafka")
LOG.addFilter(_OnceInAWhile())

_Client = TypeVar("_Client")
_PROPERTY = re.compile(r'property:? "([a-z0-9._]+)"')


def make_client(kind: Callable[..., _Client], properties: Properties) -> _Client:
    """Make a client whose log goes to `driftline.kafka`; raises ConfigurationError for a refused setting."""
    try:
        return kind(dict(properties), logger=LOG)
    except (KafkaException, ValueError, TypeError) as error:
        named = _PROPERTY.search(str(error))
        if named is None:
            names = ", ".join(sorted(properties))
            raise ConfigurationError(f"the Kafka client refuses its settings; check DRIFTLINE_KAFKA_* among {names}") from None
        name = named.group(1)
        variable = "DRIFTLINE_KAFKA_" + name.upper().replace(".", "_")
        raise ConfigurationError(f"the Kafka client refuses the setting {name}: check {variable}") from None
