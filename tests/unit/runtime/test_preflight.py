"""A topic that is missing or different stops a service, with the remedy."""

from __future__ import annotations

import pytest

from driftline import topics
from driftline.clock import ManualClock
from driftline.errors import ConfigurationError
from driftline.kafka.memory import MemoryCluster
from driftline.kafka.ports import NewTopic
from driftline.runtime.preflight import new_topic, require_topics

HEALTH = topics.catalogue()["health"]


@pytest.fixture
def admin():
    return MemoryCluster(ManualClock()).admin()


def test_topics_as_declared_pass(admin):
    admin.create([new_topic(HEALTH)])
    require_topics(admin, ["health"])


def test_a_missing_topic_is_named_with_the_remedy(admin):
    with pytest.raises(ConfigurationError, match=r"driftline\.health does not exist: run `driftline topics apply`"):
        require_topics(admin, ["health"])


def test_another_setting_is_named_with_both_values(admin):
    admin.create([NewTopic(HEALTH.name, HEALTH.partitions, {**HEALTH.config, "retention.ms": "1"})])
    with pytest.raises(ConfigurationError, match=r"retention\.ms 1, declared is 3888000000"):
        require_topics(admin, ["health"])


def test_another_partition_count_says_that_it_is_fixed_for_life(admin):
    admin.create([NewTopic(HEALTH.name, HEALTH.partitions + 1, HEALTH.config)])
    with pytest.raises(ConfigurationError, match=r"partitions 5, declared is 4.*fixed for life"):
        require_topics(admin, ["health"])


def test_a_setting_that_is_not_declared_does_not_matter(admin):
    admin.create([NewTopic(HEALTH.name, HEALTH.partitions, {**HEALTH.config, "flush.ms": "1"})])
    require_topics(admin, ["health"])
