"""What a draft needs to be chained: the pseudonyms of people, and the last entry of its actor and of its resource."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, Select, bindparam, insert, select

from driftline.ledger.chain import Draft, Tail
from driftline.ledger.leaf import GENESIS, bounded, decode, is_service, pseudonym
from driftline.ledger.store import tables as t

__all__ = ["Links", "Prepared"]

_CACHED: Final = 50_000
_e = t.entry.c
_LAST: Final = select(_e.leaf, _e.entry_hash).order_by(_e.seq.desc()).limit(1)
_LAST_OF_ACTOR: Final = _LAST.where(_e.actor == bindparam("of"))
_LAST_OF_RESOURCE: Final = _LAST.where(_e.resource_type == bindparam("kind"), _e.resource_id == bindparam("of"))


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
        actors: dict[str, Tail] = {}
        resources: dict[tuple[str, str], Tail] = {}
        for draft in drafts:
            actor, resource = draft.actor, (draft.resource_type, draft.resource_id)
            if actor not in actors:
                tail = self._actors.get(actor)
                actors[actor] = tail or _tail(connection, _LAST_OF_ACTOR, {"of": actor})
            if resource not in resources:
                tail = self._resources.get(resource)
                kind, name = resource
                resources[resource] = tail or _tail(connection, _LAST_OF_RESOURCE, {"kind": kind, "of": name})
        return actors, resources


def _tail(connection: Connection, last: Select[Any], values: Mapping[str, str]) -> Tail:
    row = connection.execute(last, values).one_or_none()
    if row is None:
        return Tail(0, GENESIS)
    leaf = decode(row[0])
    return Tail((leaf.aseq if last is _LAST_OF_ACTOR else leaf.rseq) + 1, row[1])


def _chainable(draft: Draft, names: Mapping[str, str]) -> Draft:
    """Return the draft as it goes into the leaf: people by pseudonym, texts within the columns' bounds."""
    actor = bounded(draft.actor)
    texts = (bounded(draft.action), bounded(draft.resource_type), bounded(draft.resource_id))
    actor = actor if is_service(actor) else names[actor]
    if (actor, *texts) == (draft.actor, draft.action, draft.resource_type, draft.resource_id):
        return draft
    action, resource_type, resource_id = texts
    return replace(draft, actor=actor, action=action, resource_type=resource_type, resource_id=resource_id)
