"""The column types of a ledger: one meaning on SQLite, PostgreSQL, MariaDB and MySQL."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, Integer, LargeBinary, String
from sqlalchemy.dialects.mysql import LONGBLOB, VARBINARY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import DDLCompiler
from sqlalchemy.types import TypeEngine

__all__ = ["ZERO_HASH", "blob", "fixed", "hash_check", "rowid", "text"]

ZERO_HASH: Final = {"sqlite": f"x'{'00' * 32}'", "mysql": f"x'{'00' * 32}'", "postgresql": f"'\\x{'00' * 32}'::bytea"}
"""What the first entry links to, as SQL."""

hash_check: Final = {
    "postgresql": "entry_hash = sha256('\\x00'::bytea || leaf)",
    "mysql": "entry_hash = unhex(sha2(concat(x'00', leaf), 256))",
}
"""An entry's hash is that of its leaf, as SQL; SQLite has no SHA-256."""


class _Text(String):
    """Text compared code point by code point, its length counted in characters."""

    __visit_name__ = "ledger_text"


@compiles(_Text)
def _standard(element: _Text, _compiler: DDLCompiler, **_: Any) -> str:
    return f"VARCHAR({element.length})"


@compiles(_Text, "mysql")
def _mysql(element: _Text, compiler: DDLCompiler, **_: Any) -> str:
    """Two texts that differ in blanks at the end are two, also in a unique key."""
    nopad = "utf8mb4_nopad_bin" if getattr(compiler.dialect, "is_mariadb", False) else "utf8mb4_0900_bin"
    return f"VARCHAR({element.length}) CHARACTER SET utf8mb4 COLLATE {nopad}"


def text(length: int = 200) -> TypeEngine[str]:
    """Text of at most so many characters."""
    return _Text(length)


def fixed(length: int) -> TypeEngine[bytes]:
    """Bytes, at most so many: they can be a key."""
    return LargeBinary(length).with_variant(VARBINARY(length), "mysql")


def blob() -> TypeEngine[bytes]:
    """Bytes."""
    return LargeBinary().with_variant(LONGBLOB(), "mysql")


def rowid() -> TypeEngine[int]:
    """A 64-bit key that in SQLite is the row id itself: rows lie in the order of the log."""
    return BigInteger().with_variant(Integer(), "sqlite")
