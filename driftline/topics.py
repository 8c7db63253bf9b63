"""The topic catalogue, read from `schemas/topics`: who writes what where, for how long, under which key."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from driftline.errors import ConfigurationError
from driftline.schemas import topic_declarations

PREFIX = "driftline."

_KEYS = {
    "topic",
    "description",
    "key",
    "schemas",
    "producers",
    "consumers",
    "partitions",
    "config",
    "dead_letters",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicDeclaration:
    """One topic as declared; `name` carries the prefix, `topic` does not."""

    topic: str
    description: str
    key: str
    schemas: tuple[str, ...]
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    partitions: int
    config: Mapping[str, str]
    """Kafka topic configuration (cleanup.policy, retention.ms, ...)."""
    dead_letters: str
    """What happens to records that consumers refuse."""

    @property
    def name(self) -> str:
        """Name on the broker under the default prefix."""
        return PREFIX + self.topic

    @property
    def compacted(self) -> bool:
        """Whether only the last record of a key is kept."""
        return "compact" in self.config.get("cleanup.policy", "delete")


def _parse(raw: Mapping[str, object]) -> TopicDeclaration:
    topic = str(raw.get("topic", "?"))
    if missing := _KEYS - raw.keys():
        message = f"schemas/topics/{topic}.yaml lacks {', '.join(sorted(missing))}"
        raise ConfigurationError(message)
    if unknown := raw.keys() - _KEYS:
        message = f"schemas/topics/{topic}.yaml has unknown keys {', '.join(sorted(unknown))}"
        raise ConfigurationError(message)
    config, partitions = raw["config"], raw["partitions"]
    if not isinstance(config, Mapping) or not isinstance(partitions, int):
        message = f"schemas/topics/{topic}.yaml: config must be a mapping and partitions a number"
        raise ConfigurationError(message)
    return TopicDeclaration(
        topic=topic,
        description=str(raw["description"]).strip(),
        key=str(raw["key"]),
        schemas=_names(raw["schemas"]),
        producers=_names(raw["producers"]),
        consumers=_names(raw["consumers"]),
        partitions=partitions,
        config={str(key): str(value) for key, value in config.items()},
        dead_letters=str(raw["dead_letters"]),
    )


def _names(values: object) -> tuple[str, ...]:
    if not isinstance(values, list):
        message = f"a topic declaration wants a list of names, not {values!r}"
        raise ConfigurationError(message)
    return tuple(str(value) for value in values)


@cache
def catalogue() -> Mapping[str, TopicDeclaration]:
    """Every declared topic by its short name (`predictions`, `labels`, ...)."""
    return {declaration.topic: declaration for declaration in map(_parse, topic_declarations())}


def name(topic: str) -> str:
    """Name on the broker of a declared topic; raises ConfigurationError for one that is not declared."""
    if topic not in catalogue():
        message = f"no topic {topic!r} is declared in schemas/topics; known are {', '.join(catalogue())}"
        raise ConfigurationError(message)
    return PREFIX + topic
