"""Which tables a database has, and bringing them up to date."""

from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from driftline.errors import ConfigurationError
from driftline.revisions import known_revision, one_after_the_other, upgrade

VERSION: Final = "0004"
VERSION_TABLE: Final = "alerting_schema"
MIGRATIONS: Final = Path(__file__).parent / "migrations"


def prepare_schema(connection: Connection) -> None:
    """Make the tables or bring them up to date, in a writing transaction. Raises ConfigurationError for those of a newer Driftline."""
    with one_after_the_other(connection, "alerttbl"):
        of = "the tables of alerting"
        if known_revision(connection, VERSION_TABLE, VERSION, of=of, error=ConfigurationError) != VERSION:
            upgrade(connection, MIGRATIONS, VERSION_TABLE)
