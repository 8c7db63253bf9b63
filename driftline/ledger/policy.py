"""Whom to believe: logs, witnesses and the quorum of them that a head must have (C2SP tlog-policy).

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> all | any | <k> <name>...
    quorum <name> | none

Lines name only what stands before them; `#` begins a line of comment. Names mean something within the file only. Of a witness
the URL is its submission prefix; who only verifies needs none.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final

from driftline.ledger.checkpoint import VerifierKey
from driftline.ledger.cosignature import CosignerKey
from driftline.ledger.errors import KeyMalformed, PolicyMalformed

__all__ = ["Group", "Policy", "Witness", "parse_policy"]

_NONE: Final = "none"


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness by its name in the policy."""

    name: str
    key: CosignerKey
    url: str | None


@dataclass(frozen=True, slots=True)
class Group:
    """At least `threshold` of the members (witnesses and groups) must have cosigned."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """What a policy file says; made by `parse_policy`, which sees to it that every name is known."""

    logs: tuple[VerifierKey, ...]
    witnesses: tuple[Witness, ...]
    groups: tuple[Group, ...]
    quorum: str | None
    """A witness or a group; None wants no cosignature at all."""

    def satisfied(self, keys: AbstractSet[CosignerKey]) -> bool:
        """Tell whether the cosignatures of these keys are a quorum."""
        if self.quorum is None:
            return True
        reached = {witness.name for witness in self.witnesses if witness.key in keys}
        for group in self.groups:  # members stand before their group
            if sum(member in reached for member in group.members) >= group.threshold:
                reached.add(group.name)
        return self.quorum in reached

    def keys_of(self, origin: str) -> tuple[VerifierKey, ...]:
        """Return the keys of a log."""
        return tuple(key for key in self.logs if key.name == origin)


@dataclass(slots=True)
class _Reader:
    """Collects the lines of a policy file."""

    logs: list[VerifierKey] = field(default_factory=list)
    witnesses: list[Witness] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    quorum: list[str] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    """Members of groups: each name may count once."""

    def line(self, words: list[str]) -> None:
        """Take one line; raises PolicyMalformed, KeyMalformed."""
        match words:
            case ["log", vkey] | ["log", vkey, _]:
                self._log(VerifierKey.parse(vkey))
            case ["witness", name, vkey, *url] if len(url) <= 1:
                self._witness(Witness(self._new(name), CosignerKey.parse(vkey), url[0] if url else None))
            case ["group", name, threshold, *members] if members:
                self._group(name, threshold, members)
            case ["quorum", name]:
                self.quorum.append(name if name == _NONE else self._known(name))
            case _:
                raise PolicyMalformed("a line is: log, witness, group or quorum, with what belongs to it")

    def _log(self, key: VerifierKey) -> None:
        if any(key.public == other.public for other in self.logs):
            raise PolicyMalformed(f"the key of the log {key.name} stands there twice")
        self.logs.append(key)

    def _witness(self, witness: Witness) -> None:
        if any(witness.key.public == other.key.public for other in self.witnesses):
            raise PolicyMalformed(f"the key of the witness {witness.name} stands there twice")
        self.witnesses.append(witness)

    def _group(self, name: str, threshold: str, members: list[str]) -> None:
        known = [self._known(member) for member in members]
        if len(set(known)) < len(known) or self.taken & set(known):
            raise PolicyMalformed("a name may be a member once, of one group")
        self.taken.update(known)
        named = {"any": 1, "all": len(known)}
        if threshold not in named and not (threshold.isascii() and threshold.isdecimal() and len(threshold) < 6):
            raise PolicyMalformed("a group wants all, any, or a number of its members")
        count = named.get(threshold) or int(threshold)
        if not 1 <= count <= len(known):
            raise PolicyMalformed(f"a group of {len(known)} cannot want {count}")
        self.groups.append(Group(self._new(name), count, tuple(known)))

    def _new(self, name: str) -> str:
        if name == _NONE or name in self._names():
            raise PolicyMalformed(f"the name {name} is taken")
        return name

    def _known(self, name: str) -> str:
        if name not in self._names():
            raise PolicyMalformed(f"{name} is no witness or group of a line before")
        return name

    def _names(self) -> set[str]:
        return {witness.name for witness in self.witnesses} | {group.name for group in self.groups}

    def policy(self) -> Policy:
        """Return what was read; raises PolicyMalformed without exactly one quorum line."""
        if len(self.quorum) != 1:
            raise PolicyMalformed("a policy has exactly one quorum line (`quorum none` wants no witness)")
        quorum = None if self.quorum[0] == _NONE else self.quorum[0]
        return Policy(tuple(self.logs), tuple(self.witnesses), tuple(self.groups), quorum)


def parse_policy(data: bytes) -> Policy:
    """Read a policy file, which is UTF-8 here; raises PolicyMalformed that names the line."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise PolicyMalformed("a policy is UTF-8 text") from error
    if any((c < " " and c not in "\t\n") or c == "\x7f" for c in text):
        raise PolicyMalformed("a policy is text without control characters")
    reader = _Reader()
    for number, line in enumerate(text.split("\n"), 1):
        words = [word for word in line.replace("\t", " ").split(" ") if word]
        if not words or words[0].startswith("#"):
            continue
        try:
            reader.line(words)
        except (PolicyMalformed, KeyMalformed) as error:
            raise PolicyMalformed(f"line {number} of the policy: {error}") from error
    return reader.policy()
