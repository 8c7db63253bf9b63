"""What a draft needs to be chained: the pseudonyms of people, and the last entry of its actor and of its resource."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final

from sqlalchemy import Connection, insert, select

from driftline.ledger.chain import Draft, Tail
from driftline.ledger.leaf import GENESIS, bounded, decode, is_service, pseudonym
from driftline.ledger.store import tables as t

__all__ = ["Links", "Prepared"]

_CACHED: Final = 50_000
_TOGETHER: Final = 100  # of the 500 parts that a statement of SQLite may have
_LAST: Final = "SELECT {} AS number, leaf, entry_hash FROM (SELECT leaf, entry_hash FROM ledger_entry WHERE {} ORDER BY seq DESC LIMIT 1) AS t{}"
_OF_ACTOR: Final = "actor = {0}"
_NO_ENTRY: Final = Tail(0, GENESIS)
_OF_RESOURCE: Final = "resource_type = {0} AND resource_id = {0}"


@dataclass(frozen=True, slots=True)
class Prepared:
    """Drafts that can be chained, the names behind their pseudonyms, and the tails that they hang on."""

    drafts: Sequence[Draft]
    names: dict[str, str]
    actors: dict[str, Tail]
    resources: dict[tuple[str, str], Tail]


class Links:
    """Looks names and tails up, and remembers those of the last batches for as long as nobody else moves the head.

    `random` returns that many random bytes.
    """

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self._random = random
        self._names: dict[str, str] = {}
        self._actors: dict[str, Tail] = {}
        self._resources: dict[tuple[str, str], Tail] = {}

    def prepare(self, connection: Connection, drafts: Sequence[Draft]) -> Prepared:
        """Replace the names of people (a new one gets its pseudonym in this transaction), and find the tails."""
        names = self._pseudonyms(connection, drafts)
        named = [_chainable(draft, names) for draft in drafts]
        return Prepared(named, names, *self._tails(connection, named))

    def remember(self, prepared: Prepared) -> None:
        """Keep what a commit made true."""
        if max(len(self._names), len(self._actors), len(self._resources)) > _CACHED:
            self.forget()
        self._names.update(prepared.names)
        self._actors.update(prepared.actors)
        self._resources.update(prepared.resources)

    def forget(self) -> None:
        """Forget everything: another writer was here."""
        self._names.clear()
        self._actors.clear()
        self._resources.clear()

    def _pseudonyms(self, connection: Connection, drafts: Sequence[Draft]) -> dict[str, str]:
        """Return the pseudonyms of all people of the batch."""
        people = {bounded(draft.actor) for draft in drafts if not is_service(draft.actor)}
        names = {name: self._names[name] for name in people if name in self._names}
        missing = sorted(people.difference(names))
        s = t.subject.c
        if missing:
            found = connection.execute(select(s.name, s.actor).where(s.name.in_(missing)))
            names.update(dict(found.all()))
        for name in missing:
            if name not in names:
                salt = self._random(32)
                names[name] = pseudonym(salt, name)
                connection.execute(insert(t.subject).values(actor=names[name], salt=salt, name=name))
        return names

    def _tails(self, connection: Connection, drafts: Sequence[Draft]) -> tuple[dict[str, Tail], dict[tuple[str, str], Tail]]:
        """Return the last entry of every actor and resource of the batch."""
        actors = list(dict.fromkeys((draft.actor,) for draft in drafts))
        resources = list(dict.fromkeys((draft.resource_type, draft.resource_id) for draft in drafts))
        unknown = [
            *(each for each in actors if each[0] not in self._actors),
            *(each for each in resources if each not in self._resources),
        ]
        found = _last_entries(connection, unknown)
        return (
            {actor: self._actors.get(actor) or found.get((actor,), _NO_ENTRY) for (actor,) in actors},
            {resource: self._resources.get(resource) or found.get(resource, _NO_ENTRY) for resource in resources},
        )


def _last_entries(connection: Connection, of: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], Tail]:
    """Return the last entry of each actor (one text) and each resource (two) that has any, in one statement for each hundred."""
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    conditions = {1: _OF_ACTOR.format(mark), 2: _OF_RESOURCE.format(mark)}
    found: dict[tuple[str, ...], Tail] = {}
    for first in range(0, len(of), _TOGETHER):
        some = of[first : first + _TOGETHER]
        parts = (_LAST.format(number, conditions[len(each)], number) for number, each in enumerate(some))
        rows = connection.exec_driver_sql(" UNION ALL ".join(parts), tuple(chain.from_iterable(some)))
        for number, stored, entry_hash in rows:
            leaf = decode(stored)
            found[some[number]] = Tail((leaf.aseq if len(some[number]) == 1 else leaf.rseq) + 1, entry_hash)
    return found


def _chainable(draft: Draft, names: Mapping[str, str]) -> Draft:
    """Return the draft as it goes into the leaf: people by pseudonym, texts within the columns' bounds."""
    actor = bounded(draft.actor)
    texts = (bounded(draft.action), bounded(draft.resource_type), bounded(draft.resource_id))
    actor = actor if is_service(actor) else names[actor]
    if (actor, *texts) == (draft.actor, draft.action, draft.resource_type, draft.resource_id):
        return draft
    action, resource_type, resource_id = texts
    return replace(draft, actor=actor, action=action, resource_type=resource_type, resource_id=resource_id)
