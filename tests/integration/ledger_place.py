"""A folder in which audit services live: key, tokens, database; and the command line that verifies the ledger."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from driftline import topics
from driftline.kafka.confluent import ConfluentCluster
from driftline.kafka.ports import Isolation, TopicPartition
from services.audit.actions import LEDGERED


class LedgerPlace:
    """A ledger of its own on one broker."""

    def __init__(self, folder: Path, bootstrap: str) -> None:
        self.folder = folder
        self.cluster = ConfluentCluster.at(bootstrap)
        self.environment = {
            **os.environ,
            "DRIFTLINE_KAFKA_BOOTSTRAP": bootstrap,
            "DRIFTLINE_DATA_DIR": str(folder),
            "DRIFTLINE_TOKENS_FILE": str(folder / "tokens"),
            "DRIFTLINE_LEDGER_KEY_FILE": str(folder / "keys" / "ledger.key"),
            "DRIFTLINE_LEDGER_VERIFY_SECONDS": "0",
            "DRIFTLINE_LEDGER_DIGEST_SECONDS": "0.2",
        }

    def furnish(self) -> None:
        """Make the key and a token, without which no audit service starts."""
        self.command("ledger", "keygen")
        made = self.command(
            "token", "create", "--actor", "tester", "--role", "auditor", "--file", self.folder / "tokens", "--json"
        )
        self.token = json.loads(made)["token"]

    @property
    def database(self) -> Path:
        """The ledger's SQLite file."""
        return self.folder / "audit.db"

    def command(self, *words: object, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "driftline.cli", *map(str, words)],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def verify(self, level: str = "source", code: int = 0) -> Any:
        return json.loads(self.command("ledger", "verify", "--level", level, "--json", code=code))

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.database, timeout=30.0)) as connection:
            return connection.execute(statement).fetchall()

    def recorded(self) -> bool:
        """Whether the ledger has reached the end of every topic that has records."""
        places = [TopicPartition(d.name, n) for d in ledgered() for n in range(d.partitions)]
        ends = self.cluster.admin().end_offsets(places, Isolation.READ_COMMITTED)
        rows = self.query("SELECT topic, partition, next_offset FROM ledger_offset")
        reached = {TopicPartition(topic, partition): offset for topic, partition, offset in rows}
        return all(reached.get(place, 0) >= end for place, end in ends.items())


def ledgered() -> Iterator[topics.TopicDeclaration]:
    """The topics of which the ledger keeps a record."""
    return (topics.catalogue()[name] for name in LEDGERED)
