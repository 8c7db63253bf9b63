"""murmur2 as Kafka's Java client computes it."""

from __future__ import annotations

import confluent_kafka.cimpl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.kafka.partitioning import murmur2, partition_for

# org.apache.kafka.common.utils.UtilsTest.testMurmur2: the Java integers, as unsigned.
JAVA = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize(("key", "java"), JAVA.items())
def test_murmur2_equals_the_java_client(key, java):
    assert murmur2(key) == java % 2**32


@given(st.binary(max_size=140), st.integers(1, 1000))
def test_the_partition_equals_librdkafkas(key, partitions):
    assert partition_for(key, partitions) == confluent_kafka.cimpl.murmur2(key, partitions)
