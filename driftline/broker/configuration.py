"""server.properties of a single-node KRaft broker for one machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

__all__ = ["JAVA_FLAGS", "OFFSETS_RETENTION_MINUTES", "server_properties"]

OFFSETS_RETENTION_MINUTES = 144_000
"""100 days: longer than the longest source retention, or a group that slept recounts everything."""

JAVA_FLAGS = (
    "-Xms128m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "--enable-native-access=ALL-UNNAMED",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
)

_FIXED: Mapping[str, str] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "num.partitions": "4",
    "auto.create.topics.enable": "false",
    "log.message.timestamp.type": "LogAppendTime",
    "message.max.bytes": "8388608",
    "offsets.retention.minutes": str(OFFSETS_RETENTION_MINUTES),
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    # A dead worker's open transaction is looked for every second, not every ten.
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    # After a kill the controller keeps the dead broker's registration for one session; a restart waits for it.
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "500",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "group.consumer.min.session.timeout.ms": "1000",
    "group.consumer.session.timeout.ms": "6000",
    "group.consumer.min.heartbeat.interval.ms": "200",
    "group.consumer.heartbeat.interval.ms": "500",
    "num.network.threads": "1",
    "num.io.threads": "2",
    "num.recovery.threads.per.data.dir": "1",
    "log.cleaner.dedupe.buffer.size": "4194304",
    "log.segment.bytes": "16777216",
    "controlled.shutdown.enable": "false",
}


def server_properties(data: Path, *, host: str, port: int, controller_port: int, advertised: str | None = None) -> str:
    """Return the file's text; `advertised` is what clients are told, for a proxy in between."""
    settings = dict(_FIXED)
    settings |= {
        "controller.quorum.bootstrap.servers": f"{host}:{controller_port}",
        "listeners": f"PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{advertised or f'{host}:{port}'}",
        "log.dirs": str(data).replace("\\", "\\\\"),
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())
