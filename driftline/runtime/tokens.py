"""Access tokens: a file of hashes, who each one is, and what they may do.

A token is `dl_<id>_<256 random bits>`: with that much entropy one SHA-256 is as good as a slow hash,
and a lookup costs microseconds. The file has mode 0600 and is read again when it changes.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
import stat
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from driftline.errors import ConfigurationError

__all__ = ["ROLES", "VIEWERS", "Actor", "TokenBook", "create_token", "list_tokens", "revoke_token"]

ROLES = ("producer", "viewer", "operator", "approver", "auditor", "admin")
"""producer sends events; viewer reads; operator changes alerts and models; approver approves;
auditor reads the ledger and exports it; admin may do everything."""

VIEWERS = ("viewer", "operator", "approver", "auditor")
"""Who may look at what is neither secret nor the ledger's content."""

_FIELDS = ("id", "actor", "roles", "sha256")
_ACTOR = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$")
_TOKEN = re.compile(r"^dl_([0-9a-f]{12})_[A-Za-z0-9_-]{43}$")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who a request comes from."""

    name: str
    roles: frozenset[str]
    token_id: str

    def may(self, *roles: str) -> bool:
        """Return whether one of the roles is held; admin holds all."""
        return "admin" in self.roles or not self.roles.isdisjoint(roles)


class TokenBook:
    """The tokens of a file; refuses to begin without it."""

    def __init__(self, path: Path) -> None:
        """Read the file; raises ConfigurationError when it is missing, open to others, or broken."""
        self._path = Path(path)
        self._lock = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._entries: dict[str, tuple[bytes, Actor]] = {}
        self._refresh()

    def actor(self, token: str) -> Actor | None:
        """Return whose token it is, None if it is nobody's."""
        match = _TOKEN.fullmatch(token)
        if match is None:
            return None
        with self._lock:
            self._refresh()
            digest, actor = self._entries.get(match.group(1), (b"", None))
        given = hashlib.sha256(token.encode()).hexdigest().encode()
        return actor if hmac.compare_digest(given, digest) else None

    def _refresh(self) -> None:
        try:
            found = self._path.stat()
        except OSError as error:
            if self._stamp is not None:  # the file is being replaced: what was read stays in force
                return
            raise ConfigurationError(
                f"tokens file {self._path} cannot be read ({error.strerror}): create one with "
                f"`driftline token create --file {self._path} --actor NAME --role ROLE`"
            ) from error
        stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
        if stamp == self._stamp:
            return
        if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConfigurationError(f"tokens file {self._path} is open to others: chmod 600 {self._path}")
        self._entries = {
            entry["id"]: (
                str(entry["sha256"]).encode(),
                Actor(str(entry["actor"]), frozenset(entry["roles"]), str(entry["id"])),
            )
            for entry in _read(self._path)
        }
        self._stamp = stamp


def create_token(path: Path, actor: str, roles: Sequence[str]) -> str:
    """Add a token to the file (made with mode 0600) and return it: this is the only time it is seen.

    Raises ConfigurationError for a role or an actor's name that is not allowed.
    """
    unknown = sorted(set(roles) - set(ROLES))
    if unknown or not roles:
        raise ConfigurationError(f"role {', '.join(unknown) or 'missing'}: choose from {', '.join(ROLES)}")
    if not _ACTOR.fullmatch(actor):
        raise ConfigurationError(
            f"actor {actor!r}: 1 to 64 letters, digits, dot, dash, underscore or @, beginning with a letter or digit"
        )
    token_id = secrets.token_hex(6)
    token = f"dl_{token_id}_{secrets.token_urlsafe(32)}"
    entry = {
        "id": token_id,
        "actor": actor,
        "roles": sorted(set(roles)),
        "sha256": hashlib.sha256(token.encode()).hexdigest(),
    }
    entries = _read(path) if path.exists() else []
    _write(path, [*entries, entry])
    return token


def list_tokens(path: Path) -> list[Actor]:
    """Return who has tokens; the tokens themselves are not known."""
    return [Actor(str(e["actor"]), frozenset(e["roles"]), str(e["id"])) for e in _read(path)]


def revoke_token(path: Path, token_id: str) -> bool:
    """Take a token out of the file; False if no token has this id."""
    entries = _read(path)
    kept = [entry for entry in entries if entry["id"] != token_id]
    if len(kept) == len(entries):
        return False
    _write(path, kept)
    return True


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        entries = [{field: entry[field] for field in _FIELDS} for entry in found["tokens"]]
    except OSError as error:
        raise ConfigurationError(f"tokens file {path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"tokens file {path} is broken: make a new one with `driftline token create`") from error
    return entries


def _write(path: Path, entries: list[dict[str, Any]]) -> None:
    """Replace the file as a whole, readable by its owner only from its first byte."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, scratch = tempfile.mkstemp(dir=path.parent, prefix=".tokens-")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"version": 1, "tokens": entries}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    Path(scratch).replace(path)
