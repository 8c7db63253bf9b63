"""Three roles per ledger: an owner that makes tables and guards, a writer that appends, a reader. Users are put into them.

The roles are named after the database: `audit_owner`, `audit_writer`, `audit_reader`. They cannot log in and have no password.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Dialect, Engine, text
from sqlalchemy.exc import DBAPIError

from driftline.ledger.errors import LedgerUnavailable
from driftline.ledger.store.engine import changing
from driftline.ledger.store.guards_mysql import PIN, SHOW
from driftline.ledger.store.rules import RULES
from driftline.ledger.store.schema import VERSION_TABLE

__all__ = ["Roles", "allowed", "install_roles", "joining", "roles_of"]


@dataclass(frozen=True, slots=True)
class Roles:
    """The names of a ledger's roles."""

    owner: str
    writer: str
    reader: str


def roles_of(connection: Connection) -> Roles:
    """Return the names for the database of a connection."""
    name = connection.engine.url.database
    return Roles(f"{name}_owner", f"{name}_writer", f"{name}_reader")


def allowed(table: str, column: str | None, privilege: str) -> bool:
    """Tell whether a writer has a right beside SELECT."""
    rule = RULES[table]
    if privilege == "UPDATE":
        return column in rule.columns
    return privilege == "INSERT" or (privilege == "DELETE" and rule.delete is not None)


def install_roles(engine: Engine) -> Roles | None:
    """Make the roles where they are missing and give each exactly its rights; None for SQLite, which has none.

    Raises LedgerUnavailable for a user who may not do that.
    """
    if engine.dialect.name == "sqlite":
        return None
    try:
        with changing(engine) as connection:
            roles = roles_of(connection)
            statements = _mysql if engine.dialect.name == "mysql" else _postgresql
            for statement in statements(connection, roles):
                connection.execute(text(statement))
    except DBAPIError as error:
        msg = f"the ledger's roles cannot be made ({error.orig}): use a URL of a user who may create roles and grant"
        raise LedgerUnavailable(msg) from error
    return roles


def joining(role: str, user: str, dialect: Dialect) -> tuple[str, ...]:
    """Return the statements with which a user is put into a role, for a dialect that has been connected."""
    grant = f"GRANT {role} TO {user}"
    if dialect.name == "postgresql":
        return (grant,)
    return (grant, f"SET DEFAULT ROLE {role} {'FOR' if getattr(dialect, 'is_mariadb', False) else 'TO'} {user}")


def _quoted(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote_identifier(name)


def _rights(connection: Connection) -> Iterator[tuple[str, str]]:
    """Yield what a writer may do beside reading: right, table."""
    for table, rule in RULES.items():
        yield "INSERT", table
        if rule.columns:
            yield f"UPDATE ({', '.join(_quoted(connection, column) for column in rule.columns)})", table
        if rule.delete is not None:
            yield "DELETE", table


def _postgresql(connection: Connection, roles: Roles) -> Iterator[str]:
    """Yield the statements; the tables go to the owner first, whose rights are those of an owner."""
    owner, writer, reader = (_quoted(connection, name) for name in (roles.owner, roles.writer, roles.reader))
    known = set(connection.scalars(text("SELECT rolname FROM pg_roles")))
    for name in (roles.owner, roles.writer, roles.reader):
        if name not in known:
            yield f"CREATE ROLE {_quoted(connection, name)} NOLOGIN"
    if not connection.scalar(text("SELECT pg_has_role(current_user, :owner, 'MEMBER')"), {"owner": roles.owner}):
        yield f"GRANT {owner} TO CURRENT_USER"
    database = _quoted(connection, str(connection.scalar(text("SELECT current_database()"))))
    schema = _quoted(connection, str(connection.scalar(text("SELECT current_schema()"))))
    yield f"REVOKE ALL ON DATABASE {database} FROM PUBLIC"
    yield f"GRANT CONNECT ON DATABASE {database} TO {owner}, {writer}, {reader}"
    yield f"REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC"
    yield f"GRANT USAGE ON SCHEMA {schema} TO {writer}, {reader}"
    yield f"GRANT USAGE, CREATE ON SCHEMA {schema} TO {owner}"
    functions = connection.scalars(text("SELECT proname FROM pg_proc WHERE pronamespace = current_schema()::regnamespace"))
    for function in [name for name in functions if name.startswith("ledger_")]:
        yield f"ALTER FUNCTION {function}() OWNER TO {owner}"
    for table in (*RULES, VERSION_TABLE):
        yield f"ALTER TABLE {table} OWNER TO {owner}"
        yield f"REVOKE ALL ON {table} FROM PUBLIC, {writer}, {reader}"
        yield f"GRANT SELECT ON {table} TO {writer}, {reader}"
    for right, table in _rights(connection):
        yield f"GRANT {right} ON {table} TO {writer}"


def _mysql(connection: Connection, roles: Roles) -> Iterator[str]:
    """Yield the statements. At the level of a database an underscore would stand for any letter, unless MySQL revokes in parts."""
    database = str(connection.engine.url.database)
    literal = connection.execute(text("SHOW VARIABLES LIKE 'partial_revokes'")).first()
    place = _quoted(connection, database)
    for name in (roles.owner, roles.writer, roles.reader):
        yield f"CREATE ROLE IF NOT EXISTS {_quoted(connection, name)}"
        yield f"REVOKE ALL PRIVILEGES, GRANT OPTION FROM {_quoted(connection, name)}"
    everything = place if literal is not None and literal[1] == "ON" else _quoted(connection, database.replace("_", "\\_"))
    owner, writer, reader = (_quoted(connection, name) for name in (roles.owner, roles.writer, roles.reader))
    own = "SELECT, INSERT, CREATE, ALTER, INDEX, DROP, REFERENCES, TRIGGER, CREATE ROUTINE, ALTER ROUTINE, EXECUTE"
    yield f"GRANT {own} ON {everything}.* TO {owner}"
    yield f"GRANT UPDATE, DELETE ON {place}.{VERSION_TABLE} TO {owner}"
    for table in (*RULES, VERSION_TABLE, PIN):
        yield f"GRANT SELECT ON {place}.{table} TO {writer}"
        yield f"GRANT SELECT ON {place}.{table} TO {reader}"
    yield f"GRANT EXECUTE ON PROCEDURE {place}.{SHOW} TO {writer}"
    yield f"GRANT EXECUTE ON PROCEDURE {place}.{SHOW} TO {reader}"
    for right, table in _rights(connection):
        yield f"GRANT {right} ON {place}.{table} TO {writer}"
