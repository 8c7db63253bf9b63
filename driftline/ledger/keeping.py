"""How long payloads are kept: legal holds, and retention by topic. Both are entries; the newest that applies is in force.

    ledger.hold       nothing that fits is erased until the hold is released; entries to come are held as well
    ledger.release    ends the hold of that name
    ledger.retention  of a topic, or of all others: days before which nothing is erased, after which payloads go to the
                      archive, and after which they are erased

A rollback does not touch them. A statement that cannot be read holds everything, or keeps for ever: the doubt is for keeping.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import orjson

from driftline.ledger.chain import Draft
from driftline.ledger.errors import WithdrawalRefused
from driftline.ledger.statements import statement

__all__ = [
    "DAY_US",
    "EVERY_TOPIC",
    "HOLD",
    "RELEASE",
    "RETENTION",
    "Fact",
    "Hold",
    "Keeping",
    "Policy",
    "Scope",
    "Statement",
    "keeping_of",
    "statement_draft",
]

HOLD: Final = "ledger.hold"
RELEASE: Final = "ledger.release"
RETENTION: Final = "ledger.retention"
_RESOURCE: Final = {HOLD: "hold", RELEASE: "hold", RETENTION: "retention"}
EVERY_TOPIC: Final = "*"
DAY_US: Final = 86_400_000_000
_FOR_EVER: Final = 10**9


class Fact(NamedTuple):
    """What decides about an entry's payload. `topic` is None for an entry that no topic brought."""

    seq: int
    ts: int
    action: str
    actor: str
    resource_type: str
    resource_id: str
    topic: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which entries a hold is about: all that is given must fit; nothing given is everything. Times are [since, until)."""

    actor: str | None = None
    """A pseudonym, or the name of a service."""
    resource: tuple[str, str] | None = None
    topic: str | None = None
    since: int | None = None
    until: int | None = None

    def covers(self, fact: Fact) -> bool:
        """Tell whether an entry is held."""
        return (
            self.actor in {None, fact.actor}
            and self.resource in {None, (fact.resource_type, fact.resource_id)}
            and self.topic in {None, fact.topic}
            and (self.since is None or fact.ts >= self.since)
            and (self.until is None or fact.ts < self.until)
        )


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold in force: its name, the sequence of its entry, what it is about, and why."""

    name: str
    seq: int
    scope: Scope
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Retention of a topic, in days since the ledger took an entry up; None: no such bound."""

    keep_days: int | None = None
    archive_days: int | None = None
    expire_days: int | None = None


class Statement(NamedTuple):
    """An entry of one of the three actions; `name` is the id of its resource."""

    seq: int
    action: str
    name: str
    payload: object


@dataclass(frozen=True, slots=True)
class Keeping:
    """What is in force."""

    holds: tuple[Hold, ...]
    policies: Mapping[str, Policy]

    def policy(self, topic: str | None) -> Policy:
        """Return the policy of a topic: its own, else that of all others."""
        return self.policies.get(topic or "", self.policies.get(EVERY_TOPIC, Policy()))

    def held_by(self, fact: Fact) -> Hold | None:
        """Return the first hold that an entry is under."""
        return next((hold for hold in self.holds if hold.scope.covers(fact)), None)

    def kept(self, fact: Fact, now: int) -> bool:
        """Tell whether an entry is too young to be erased."""
        days = self.policy(fact.topic).keep_days
        return days is not None and fact.ts > now - days * DAY_US

    def expired(self, fact: Fact, now: int) -> bool:
        """Tell whether an entry's payload has to go, and may."""
        days = self.policy(fact.topic).expire_days
        due = days is not None and fact.ts <= now - days * DAY_US
        return due and not self.kept(fact, now) and self.held_by(fact) is None

    def archivable(self, fact: Fact, now: int) -> bool:
        """Tell whether an entry's payload has to go to the archive, and may: what is held stays where it is."""
        days = self.policy(fact.topic).archive_days
        return days is not None and fact.ts <= now - days * DAY_US and self.held_by(fact) is None

    def archivable_until(self, now: int) -> int | None:
        """Return the time of the youngest entries that may be archivable; None where no policy has anything archived."""
        return _until(now, (policy.archive_days for policy in self.policies.values()))

    def expired_until(self, now: int) -> int | None:
        """Return the time of the youngest entries that may be expired; None where no policy lets anything expire."""
        return _until(now, (policy.expire_days for policy in self.policies.values()))

    def refuse(self, facts: Iterable[Fact], now: int) -> None:
        """Raise WithdrawalRefused if any of the entries must not be erased."""
        for fact in facts:
            if hold := self.held_by(fact):
                raise WithdrawalRefused(
                    f"entry {fact.seq} is under the legal hold {hold.name!r} (entry {hold.seq}: {hold.reason}); nothing was erased"
                )
            if self.kept(fact, now):
                days = self.policy(fact.topic).keep_days
                raise WithdrawalRefused(
                    f"entry {fact.seq} of {fact.topic or 'no topic'} is kept for {days} days; nothing was erased"
                )


def keeping_of(statements: Iterable[Statement]) -> Keeping:
    """Return what statements, oldest first, put in force."""
    holds: list[Hold] = []
    policies: dict[str, Policy] = {}
    for seq, action, name, payload in statements:
        said = _json(payload)
        if action == HOLD:
            holds.append(Hold(name, seq, *_scope(said)))
        elif action == RELEASE:
            holds = [hold for hold in holds if hold.name != name]
        else:
            policies[name] = _policy(said)
    return Keeping(tuple(holds), policies)


def _until(now: int, bounds: Iterable[int | None]) -> int | None:
    shortest = min((days for days in bounds if days is not None), default=None)
    return None if shortest is None else now - shortest * DAY_US


def statement_draft(
    action: str, name: str, said: Scope | Policy | None, *, actor: str, reason: str, entry_id: bytes, salt: bytes
) -> Draft:
    """Return the draft of a hold (with its scope), a release, or a policy of the topic `name`."""
    values = {} if said is None else {field: getattr(said, field) for field in said.__slots__}
    resource = _RESOURCE[action], name
    return statement(action, values, resource=resource, actor=actor, reason=reason, entry_id=entry_id, salt=salt)


def _json(payload: object) -> Any:
    try:
        return orjson.loads(payload) if isinstance(payload, bytes) else None
    except ValueError:
        return None


def _scope(said: Any) -> tuple[Scope, str]:
    try:
        pair, times = said["resource"], (said["since"], said["until"])
        texts = (said["actor"], said["topic"], said["reason"])
        resource = None if pair is None else (str(pair[0]), str(pair[1]))
        sound = all(isinstance(text, str | None) for text in texts) and all(isinstance(time, int | None) for time in times)
    except (TypeError, KeyError, LookupError):
        sound = False
    if not sound:
        return Scope(), "its entry cannot be read"
    return Scope(actor=texts[0], resource=resource, topic=texts[1], since=times[0], until=times[1]), str(texts[2])


def _policy(said: Any) -> Policy:
    try:
        days = [said["keep_days"], said["archive_days"], said["expire_days"]]
    except (TypeError, KeyError):
        return Policy(keep_days=_FOR_EVER)
    if not all(day is None or (type(day) is int and day >= 0) for day in days):
        return Policy(keep_days=_FOR_EVER)
    return Policy(keep_days=days[0], archive_days=days[1], expire_days=days[2])
