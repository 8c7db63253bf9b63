"""A refused client setting is named; its value stays secret."""

from __future__ import annotations

import pytest

from driftline.errors import ConfigurationError
from driftline.kafka.confluent import ConfluentCluster


def _cluster(**settings):
    environment = {"DRIFTLINE_KAFKA_BOOTSTRAP": "127.0.0.1:1"}
    return ConfluentCluster.from_environment(
        environment | {f"DRIFTLINE_KAFKA_{name}": value for name, value in settings.items()}
    )


@pytest.mark.parametrize("make", ["admin", "producer", "consumer"])
@pytest.mark.parametrize("name", ["SECURITY_PROTOCOL", "NO_SUCH_SETTING"])
def test_a_refused_setting_is_named_and_its_value_is_not(make, name):
    cluster = _cluster(**{name: "hunter2"})
    with pytest.raises(ConfigurationError, match=f"DRIFTLINE_KAFKA_{name}") as refused:
        getattr(cluster, make)()
    assert "hunter2" not in str(refused.value)
