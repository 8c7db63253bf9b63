"""What holds on a connection of ours: that a commit is on disk and undone when rolled back, and that its user may only append."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection, text

from driftline.ledger.store.checks import Check
from driftline.ledger.store.engine import SETTINGS
from driftline.ledger.store.roles import allowed, roles_of
from driftline.ledger.store.rules import RULES
from driftline.ledger.store.tables import metadata

__all__ = ["protection"]

_POSTGRESQL: Final = {"fsync": "on", "full_page_writes": "on", "session_replication_role": "origin"}
_MYSQL: Final = {"innodb_flush_log_at_trx_commit": "1", "innodb_doublewrite": "ON", "foreign_key_checks": "ON"}
_POWERS: Final = frozenset({
    "ALL PRIVILEGES", "ALTER", "DROP", "TRIGGER", "SUPER", "CREATE USER",
    "ROLE_ADMIN", "SET_ANY_DEFINER", "SET_USER_ID", "SET USER",  # to act as somebody else
    "BINLOG_ADMIN", "REPLICATION_APPLIER", "BINLOG REPLAY",  # to put rows of a binary log, which fire no triggers
})  # fmt: skip
"""Rights of MariaDB and MySQL with which guards can be taken away, or gone around."""

_POWERFUL: Final = text("""
SELECT rolsuper, EXISTS (
    SELECT 1 FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relname LIKE 'ledger\\_%'
    AND relkind = 'r' AND pg_has_role(current_user, relowner, 'MEMBER')) FROM pg_roles WHERE rolname = current_user""")
_GRANTED: Final = text("""
SELECT coalesce(r.rolname, 'PUBLIC'), c.relname, a.attname, x.privilege_type
FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attacl IS NOT NULL
CROSS JOIN LATERAL aclexplode(CASE WHEN a.attname IS NULL THEN c.relacl ELSE a.attacl END) x
LEFT JOIN pg_roles r ON r.oid = x.grantee
WHERE c.relnamespace = current_schema()::regnamespace AND x.grantee <> c.relowner
UNION ALL
SELECT coalesce(r.rolname, 'PUBLIC'), c.relname, NULL, x.privilege_type
FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) x LEFT JOIN pg_roles r ON r.oid = x.grantee
WHERE c.relnamespace = current_schema()::regnamespace AND x.grantee <> c.relowner""")


def protection(connection: Connection) -> Iterator[Check]:
    """Settings as they are in force, and rights."""
    if connection.dialect.name == "sqlite":
        for name, expected in SETTINGS.items():  # SQLite ignores in silence what it cannot do
            yield _setting(name, connection.exec_driver_sql(f"PRAGMA {name}").scalar(), expected)
    elif connection.dialect.name == "postgresql":
        yield from _postgresql(connection)
    elif connection.dialect.name == "mysql":
        yield from _mysql(connection)


def _setting(name: str, value: object, expected: object) -> Check:
    return Check(f"setting {name}", value == expected, f"is {value}" if value == expected else f"is {value}, not {expected}")


def _postgresql(connection: Connection) -> Iterator[Check]:
    for name, expected in _POSTGRESQL.items():
        yield _setting(name, connection.exec_driver_sql(f"SHOW {name}").scalar(), expected)
    commit = connection.exec_driver_sql("SHOW synchronous_commit").scalar()
    yield Check("setting synchronous_commit", commit != "off", f"is {commit}")
    superuser, owner = connection.execute(_POWERFUL).one()
    yield _role(connection, "is a superuser" if superuser else "owns the tables" if owner else None)
    writer = roles_of(connection).writer
    strange = [
        f"{grantee} may {privilege} {table}{'' if column is None else f'.{column}'}"
        for grantee, table, column, privilege in connection.execute(_GRANTED)
        if table in metadata.tables and privilege != "SELECT" and not (grantee == writer and allowed(table, column, privilege))
    ]
    detail = (
        f"{', '.join(sorted(strange)[:5])}: revoke that, or run `driftline ledger install`"
        if strange
        else "only the writer writes"
    )
    yield Check("grants", not strange, detail)


def _mysql(connection: Connection) -> Iterator[Check]:
    values: dict[str, str] = dict(connection.execute(text("SHOW VARIABLES")).all())
    expected = dict(_MYSQL)
    if "check_constraint_checks" in values:  # MySQL's cannot be switched off
        expected["check_constraint_checks"] = "ON"
    if values["log_bin"] == "ON":  # after a power cut it says which transactions were committed
        expected["sync_binlog"] = "1"
    if redo := connection.execute(text("SHOW GLOBAL STATUS LIKE 'Innodb_redo_log_enabled'")).first():  # MySQL's
        values["innodb_redo_log"], expected["innodb_redo_log"] = redo[1], "ON"
    if values["innodb_doublewrite"] == "DETECT_AND_RECOVER":  # MySQL's other word for it
        values["innodb_doublewrite"] = "ON"
    for name, value in expected.items():
        yield _setting(name, values.get(name), value)
    yield Check("setting sql_mode", "STRICT_ALL_TABLES" in values["sql_mode"], f"is {values['sql_mode']}")
    engines: dict[str, str] = dict(
        connection.execute(
            text("SELECT table_name, engine FROM information_schema.tables WHERE table_schema = database()")
        ).all()
    )
    loose = sorted(name for name in metadata.tables if engines.get(name) != "InnoDB")
    detail = f"{', '.join(loose)} cannot roll back: make them InnoDB again" if loose else "every table is InnoDB"
    yield Check("transactions", not loose, detail)
    yield _role(connection, _power(connection))


def _power(connection: Connection) -> str | None:
    """Return what a user has beyond appending, None for nothing."""
    database = connection.scalar(text("SELECT database()"))
    owner = roles_of(connection).owner
    for grant in connection.scalars(text("SHOW GRANTS")):
        if " ON " not in grant and f"`{owner}`" in grant.partition(" TO ")[0]:
            return f"is in the role {owner}"
        found = re.match(r"GRANT (.+?) ON (?:TABLE )?(\S+) TO", grant)
        if found is None or not _concerns(found[2].replace("`", "").replace("\\", ""), str(database)):
            continue
        for right in re.sub(r"\([^)]*\)", "", found[1]).split(","):
            word = right.strip()
            if word in _POWERS or (word in {"UPDATE", "DELETE"} and not _expected(word, found)):
                return f"may {word} on {found[2]}"
    return None


def _concerns(place: str, database: str) -> bool:
    schema, _, table = place.partition(".")
    return schema in {"*", database} and (table == "*" or table in RULES)


def _expected(word: str, grant: re.Match[str]) -> bool:
    rule = RULES.get(grant[2].replace("`", "").partition(".")[2])
    return rule is not None and (f"{word} (" in grant[1] if word == "UPDATE" else rule.delete is not None)


def _role(connection: Connection, power: str | None) -> Check:
    user = connection.scalar(text("SELECT current_user()" if connection.dialect.name == "mysql" else "SELECT current_user"))
    writer = roles_of(connection).writer
    if power is None:
        return Check("role", healthy=True, detail=f"{user} cannot take guards away")
    return Check(
        "role", healthy=False, detail=f"{user} {power} and could take guards away: connect as a user in the role {writer}"
    )
