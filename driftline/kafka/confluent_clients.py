"""librdkafka clients made so that a wrong setting is named and no value is shown."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import TypeVar

from confluent_kafka import KafkaException

from driftline.errors import ConfigurationError
from driftline.kafka.configuration import Properties

__all__ = ["LOG", "make_client"]

LOG = logging.getLogger("driftline.kafka")

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
