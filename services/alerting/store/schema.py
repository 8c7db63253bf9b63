"""Which tables a database has, and bringing them up to date."""

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, text

from driftline.errors import ConfigurationError
from driftline.revisions import revision_of, upgrade

VERSION: Final = "0002"
VERSION_TABLE: Final = "alerting_schema"
MIGRATIONS: Final = Path(__file__).parent / "migrations"
_LOCK: Final = 0x616C65727474626C
"""Held while tables are made: "alerttbl", for PostgreSQL's advisory locks."""


def prepare_schema(connection: Connection) -> None:
    """Make the tables or bring them up to date, in a writing transaction. Raises ConfigurationError for those of a newer Driftline."""
    if connection.dialect.name == "postgresql":  # replicas that start together do it one after the other
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    version = revision_of(connection, VERSION_TABLE)
    if version is not None and version > VERSION:
        message = (
            f"the alerting database is of version {version}, newer than this Driftline knows ({VERSION}): upgrade Driftline"
        )
        raise ConfigurationError(message)
    if version != VERSION:
        upgrade(connection, MIGRATIONS, VERSION_TABLE)
