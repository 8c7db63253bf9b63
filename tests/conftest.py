"""Brokers and databases for tests, and silence on the network for unit tests.

A Kafka is taken in this order: `KAFKA_BOOTSTRAP` if set, a Docker engine (testcontainers), the
embedded broker. It lives for the session (one per xdist worker); every test gets a topic prefix of its own.
`MYSQL_URL` puts a MySQL in the place of the MariaDB that tests start for themselves.
"""

from __future__ import annotations

import logging
import os
import socket
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

from driftline.broker.embedded import EmbeddedBroker
from driftline.broker.errors import DownloadFailed
from driftline.kafka.confluent import ConfluentCluster
from driftline.kafka.ports import NewTopic
from tests.servers import DatabaseServer, ServerMissing, start_mariadb, start_postgresql

# A slow machine must not turn a property into a failure: no deadline, whatever the load.
_PATIENT = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
settings.register_profile("default", deadline=None, suppress_health_check=_PATIENT)
settings.register_profile("thorough", deadline=None, suppress_health_check=_PATIENT, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

_UNIT = Path(__file__).parent / "unit"


@dataclass(frozen=True, slots=True)
class TestKafka:
    """A broker for tests, and where it is."""

    __test__ = False

    bootstrap: str

    @property
    def cluster(self) -> ConfluentCluster:
        """Return a factory of clients."""
        return ConfluentCluster.at(self.bootstrap)


@pytest.fixture(autouse=True)
def _logs_as_they_are_by_default() -> Iterator[None]:
    """What one test says about logging ends with it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest) -> Iterator[None]:
    """Unit tests open no socket; everything else may."""
    if not request.path.is_relative_to(_UNIT):
        yield
        return
    import pytest_socket

    pytest_socket.disable_socket(allow_unix_socket=True)
    yield
    pytest_socket.enable_socket()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestKafka]:
    """A Kafka for the session, in the order of this module's first lines."""
    if bootstrap := os.environ.get("KAFKA_BOOTSTRAP"):
        yield TestKafka(bootstrap)
        return
    if _docker_answers():
        from testcontainers.kafka import KafkaContainer

        with KafkaContainer().with_kraft() as container:
            yield TestKafka(container.get_bootstrap_server())
        return
    broker = EmbeddedBroker(tmp_path_factory.mktemp("kafka"))
    try:
        broker.start()
    except DownloadFailed as error:
        pytest.skip(f"no Kafka: KAFKA_BOOTSTRAP is unset, no Docker answers, and {error}")
    yield TestKafka(broker.bootstrap)
    broker.stop()


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    """A broker of the test's own, to kill, freeze and restart on the same data; not started yet."""
    broker = EmbeddedBroker(tmp_path / "kafka")
    yield broker
    broker.stop()


@pytest.fixture
def topic_prefix() -> str:
    """A prefix that no other test has."""
    return f"t{uuid.uuid4().hex[:10]}."


@pytest.fixture
def make_topic(kafka: TestKafka, topic_prefix: str) -> Callable[..., str]:
    """Create a topic on the session's broker: `make_topic("in", partitions=2, **{"cleanup.policy": "compact"})`."""
    admin = kafka.cluster.admin()

    def make(name: str, partitions: int = 1, **config: str) -> str:
        full = topic_prefix + name
        admin.create([NewTopic(full, partitions, config)])
        return full

    return make


def _docker_answers() -> bool:
    try:
        import docker

        return bool(docker.from_env(timeout=2).ping())
    except Exception:  # any failure at all means that there is no Docker to use
        return False


@pytest.fixture
def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def postgresql() -> Iterator[DatabaseServer]:
    """A PostgreSQL for the session, on a Unix socket, without fsync."""
    yield from _server(start_postgresql)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[DatabaseServer]:
    """The MySQL or MariaDB of `MYSQL_URL` if set, by its superuser; else a MariaDB on a Unix socket, without fsync."""
    url = os.environ.get("MYSQL_URL")
    yield from _server(partial(DatabaseServer, url) if url else start_mariadb)


def _server(start: Callable[[], DatabaseServer]) -> Iterator[DatabaseServer]:
    try:
        server = start()
    except ServerMissing as error:
        pytest.skip(str(error))
    yield server
    server.stop()


@pytest.fixture
def postgresql_url(postgresql: DatabaseServer) -> str:
    """URL of an empty PostgreSQL database of the test's own, as superuser."""
    return postgresql.new_database()


@pytest.fixture
def mariadb_url(mariadb: DatabaseServer) -> str:
    """URL of an empty MariaDB database of the test's own, as root."""
    return mariadb.new_database()


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database of the test's own, of each kind in turn, with every right."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    return str(request.getfixturevalue(f"{request.param}_url"))
