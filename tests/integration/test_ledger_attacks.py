"""The table of attacks by a live superuser: every guard dropped, every right there is, on SQLite, PostgreSQL and MariaDB.

50 records, an entry each; a signed head each 10; a witness outside has cosigned those up to 40
level       the first of hash, full, witness, source that finds it; those before it find nothing
entry, kind the first bad entry, and what is said of it

The same once more, on SQLite, where of the first ten payloads one is erased, the others are archived, and all is under a hold.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import Connection, Engine, Table, delete, insert, select, text, update

from driftline.ledger.chain import Draft
from driftline.ledger.checkpoint import VerifierKey
from driftline.ledger.growth import Growth
from driftline.ledger.heads import SignedHead
from driftline.ledger.keeping import Scope
from driftline.ledger.policy import parse_policy
from driftline.ledger.report import FindingKind, Level, Report, Verdict
from driftline.ledger.store import (
    Appended,
    LedgerStore,
    LedgerWriter,
    OffsetMove,
    UrlObjects,
    archiving,
    growth_of,
    open_store,
    open_writer,
    verify_store,
)
from driftline.ledger.store import tables as t
from driftline.ledger.store.engine import open_engine
from driftline.ledger.store.erasing import Author, Subjected, erase, hold
from driftline.ledger.tree import Frontier
from driftline.ledger.witnessed import FoundNote, check_witnessed
from driftline.runtime.ledger_source import verify_source
from services.audit.witness.cosigning import NotCosigned
from tests.unit.ledger.ledger_builders import KEY, ORIGIN, Salts, draft
from tests.unit.services.audit.witness.log_and_witness import W1, witness_at
from tests.unit.services.audit.world import NOW, Between, World

pytestmark = pytest.mark.integration

ENTRIES, BATCH, WITNESSED, TARGET = 50, 10, 40, 17
LEVELS: Final = (Level.HASH, Level.FULL, Level.WITNESS, Level.SOURCE)
TABLES: Final[Sequence[Table]] = (t.head, t.offset, t.subject, t.entry, t.payload, t.node, t.checkpoint, t.withdrawal)
Rows = dict[str, list[dict[str, Any]]]
Change = Callable[[list[Draft]], list[Draft]]


@dataclass
class Scene:
    """An honest ledger in one database, the topics it came from, and what the witness outside has seen.

    `mixed`: behind the first ten records stand an erasure (of record 3), an archival (of the other nine) and a hold.
    """

    url: str
    world: World
    folder: Path
    mixed: bool = False
    heads: list[SignedHead] = field(default_factory=list)
    backup: Rows = field(default_factory=dict)

    def seq(self, offset: int) -> int:
        """Return the number of the entry of a record."""
        return offset + 3 if self.mixed and offset >= BATCH else offset

    @property
    def archive(self) -> UrlObjects | None:
        return UrlObjects(f"file://{self.folder}/archive") if self.mixed else None

    def build(self) -> None:
        """Record and sign ten at a time, with the witness looking on."""
        writer, _ = open_writer(self.url, KEY, signed_path=self.folder / "signed", random=Salts())
        recorder, witness, found, seen = self.world.recorder(Between(writer, salted)), witness_at(self.folder), [], 0
        for size in range(BATCH, ENTRIES + 1, BATCH):
            for number in range(size - BATCH, size):
                self.world.event(number)
            while recorder.step(0.0):
                pass
            if size == BATCH and self.mixed:
                self.withdraw(writer)
            if size == 30:
                self.backup = dump(writer.store.engine)
            if size <= WITNESSED:
                with writer.store.snapshot() as snapshot:
                    growth, seen = growth_of(snapshot, seen), snapshot.head().size
                found.append(FoundNote(growth.note + witness.add_checkpoint(growth.encode())[1], "witness"))
        policy = parse_policy(f"witness w1 {W1.verifier.encode()}\nquorum w1\n".encode())
        witnessed, self.heads = check_witnessed(found, policy=policy, key=KEY.verifier)
        assert (witnessed.size, len(self.heads)) == (self.seq(WITNESSED), 4)
        writer.store.close()

    def withdraw(self, writer: LedgerWriter) -> None:
        """State the same three things, byte for byte, whenever it is called for the first ten records."""
        archive, author = self.archive, Author("carol", "a reason", NOW, Salts())
        assert archive is not None
        erased = erase(writer, Subjected("nobody known", mentions=("s3",)), author)
        assert erased is not None
        archived = sum(each.entries for each in archiving.archive(writer, archive, author, before=NOW + 1))
        assert (erased.entries, archived) == (1, 9)
        hold(writer, "case 7", Scope(), author)

    def forged(self, change: Change) -> Rows:
        """Return a ledger of the same records with drafts changed, every hash, link, trail and signature right."""
        folder = self.folder / "evil"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        writer, _ = open_writer(f"sqlite:///{folder}/ledger.db", KEY, signed_path=folder / "signed", random=Salts())
        self.world.run(self.world.recorder(Forger(writer, lambda drafts: change(salted(drafts)), self)))
        rows = dump(writer.store.engine)
        writer.store.close()
        return rows

    def verified(self, level: Level) -> Report:
        store = open_store(self.url, ORIGIN)
        try:
            return self._verified(store, level, KEY.verifier)
        finally:
            store.close()

    def _verified(self, store: LedgerStore, level: Level, key: VerifierKey) -> Report:
        if level is Level.SOURCE:
            return verify_source(
                store, self.world.cluster, key=key, trusted=self.heads, quiet_seconds=1.0, archive=self.archive
            )
        if level is Level.WITNESS:
            return verify_store(store, Level.FULL, key=key, trusted=self.heads, archive=self.archive)
        return verify_store(store, level, key=key, archive=self.archive)


class Forger(Between):
    """Records other things than there were, and withdraws what was withdrawn, where it was."""

    def __init__(self, writer: LedgerWriter, change: Change, scene: Scene) -> None:
        super().__init__(writer, change)
        self._ledger, self._scene = writer, scene

    def append(self, drafts: Sequence[Draft], moves: Sequence[OffsetMove], *, now: int) -> Appended:
        if not self._scene.mixed:
            return super().append(drafts, moves, now=now)
        (move,) = moves
        super().append(drafts[:BATCH], [move._replace(new=BATCH)], now=now)
        self._scene.withdraw(self._ledger)
        return super().append(drafts[BATCH:], [move._replace(expected=BATCH)], now=now)


def dump(engine: Engine) -> Rows:
    with engine.connect() as connection:
        return {table.name: [dict(row) for row in connection.execute(select(*_stored(table))).mappings()] for table in TABLES}


def _stored(table: Table) -> list[Any]:
    return [column for column in table.c if column.computed is None]


def break_in(connection: Connection) -> None:
    """Drop whatever stands in the way of somebody with every right."""
    kind = connection.dialect.name
    if kind == "sqlite":
        triggers = "SELECT name, '' FROM sqlite_master WHERE type = 'trigger'"
    elif kind == "postgresql":
        connection.execute(text("SET session_replication_role = replica"))
        triggers = "SELECT tgname, ' ON ' || tgrelid::regclass FROM pg_trigger WHERE NOT tgisinternal"
    else:
        connection.execute(text("SET foreign_key_checks = 0"))
        triggers = "SELECT trigger_name, '' FROM information_schema.triggers WHERE trigger_schema = database()"
    for name, where in connection.execute(text(triggers)).all():
        connection.execute(text(f"DROP TRIGGER {name}{where}"))


def put(connection: Connection, rows: Rows) -> None:
    """Put other rows into every table."""
    for table in reversed(TABLES):
        connection.execute(delete(table))
    for table in TABLES:
        if rows[table.name]:
            connection.execute(insert(table), rows[table.name])


def edit_payload(connection: Connection, scene: Scene) -> None:
    connection.execute(update(t.payload).where(t.payload.c.seq == scene.seq(TARGET)).values(body=b"forged"))


def edit_column(connection: Connection, scene: Scene) -> None:
    connection.execute(update(t.entry).where(t.entry.c.seq == scene.seq(TARGET)).values(actor="service:x"))


def delete_payload(connection: Connection, scene: Scene) -> None:
    connection.execute(delete(t.payload).where(t.payload.c.seq == scene.seq(TARGET)))


def chained_anew(connection: Connection, scene: Scene, *, change: Change, resigned: bool = False) -> None:
    """Put a forged history there; without the key, under the checkpoints that were signed."""
    rows = scene.forged(change)
    if not resigned:
        rows["ledger_checkpoint"] = dump(connection.engine)["ledger_checkpoint"]
    put(connection, rows)


def salted(drafts: list[Draft]) -> list[Draft]:
    """The same salt for the same record, whoever records it: the attacker has the database, salts and all."""
    return [each if each.source is None else replace(each, salt=each.source.start.to_bytes(32)) for each in drafts]


def edited(drafts: list[Draft], offset: int) -> list[Draft]:
    return [replace(each, payload=b"forged") if each.source and each.source.start == offset else each for each in drafts]


def left_out(drafts: list[Draft]) -> list[Draft]:
    return [each for each in drafts if each.source is None or each.source.start != 23]


def back_dated(drafts: list[Draft]) -> list[Draft]:
    at = next((n for n, each in enumerate(drafts) if each.source and each.source.start == 23), len(drafts))
    return [*drafts[:at], *([replace(draft(999, source=None), event_ts=1)] if drafts[at:] else []), *drafts[at:]]


def cut_tail(connection: Connection, scene: Scene) -> None:
    """Go back to 30 records as neatly as can be: head, checkpoints, payloads and offsets with it."""
    size = scene.seq(30)
    connection.execute(delete(t.payload).where(t.payload.c.seq >= size))
    connection.execute(delete(t.entry).where(t.entry.c.seq >= size))
    connection.execute(delete(t.checkpoint).where(t.checkpoint.c.size > size))
    hashes = connection.scalars(select(t.entry.c.entry_hash).order_by(t.entry.c.seq)).all()
    tree = Frontier()
    tree.extend(hashes)
    connection.execute(update(t.head).values(size=size, head_hash=hashes[-1], frontier=tree.to_bytes()))
    connection.execute(update(t.offset).where(t.offset.c.next_offset > 0).values(next_offset=30))


def put_back(connection: Connection, scene: Scene) -> None:
    put(connection, scene.backup)


def skip(connection: Connection, scene: Scene) -> None:
    """The writer itself leaves a record out; its chain is honest, and cosigned."""
    put(connection, scene.forged(left_out))
    scene.heads = []


Attack = Callable[[Connection, Scene], None]
Attacks = Mapping[str, tuple[Attack, Level, int, FindingKind]]
ATTACKS: Final[Attacks] = {
    "a payload edited": (edit_payload, Level.FULL, TARGET, FindingKind.PAYLOAD_CHANGED),
    "a query column edited, the leaf untouched": (edit_column, Level.FULL, TARGET, FindingKind.COLUMN_CHANGED),
    "an entry edited, all after it chained anew": (
        partial(chained_anew, change=partial(edited, offset=23)), Level.HASH, 20, FindingKind.HISTORY_REWRITTEN),
    "an entry deleted, all after it chained anew": (
        partial(chained_anew, change=left_out), Level.HASH, 20, FindingKind.HISTORY_REWRITTEN),
    "a back-dated entry inserted, all after it chained anew": (
        partial(chained_anew, change=back_dated), Level.HASH, 20, FindingKind.HISTORY_REWRITTEN),
    "the tail cut, with its checkpoints": (cut_tail, Level.WITNESS, 30, FindingKind.TAIL_MISSING),
    "an older backup restored": (put_back, Level.WITNESS, 30, FindingKind.TAIL_MISSING),
    "an entry edited, chained anew and signed with the stolen key": (
        partial(chained_anew, change=partial(edited, offset=23), resigned=True), Level.WITNESS, 20, FindingKind.HISTORY_REWRITTEN),
    "an entry behind the last witnessed head edited and signed so": (
        partial(chained_anew, change=partial(edited, offset=45), resigned=True), Level.SOURCE, 45, FindingKind.SOURCE_CHANGED),
    "a record skipped by the writer": (skip, Level.SOURCE, 23, FindingKind.SOURCE_OMITTED),
    "a payload deleted without an entry that erased it": (delete_payload, Level.FULL, TARGET, FindingKind.PAYLOAD_MISSING),
}  # fmt: skip
"""The twelfth, a split view, is refused before there is anything to verify: `test_a_second_history_...`. Entries by their record."""


def bring_back(connection: Connection, scene: Scene) -> None:
    """Put an erased payload there again: what somebody kept, with its salt."""
    connection.execute(insert(t.payload).values(scene.forged(list)["ledger_payload"][0] | {"seq": 3, "body": b"kept"}))


def pretend_erasure(connection: Connection, scene: Scene) -> None:
    """Delete a payload, and say in the table, which no head covers, that the erasure was about it."""
    delete_payload(connection, scene)
    connection.execute(insert(t.withdrawal).values(seq=scene.seq(TARGET), by_seq=BATCH))


def lose_key(connection: Connection, _scene: Scene) -> None:
    """Delete the salt of an archived payload, without which the archive is noise."""
    connection.execute(delete(t.payload).where(t.payload.c.seq == 5))


def exchange_object(_connection: Connection, scene: Scene) -> None:
    (file,) = (path for path in (scene.folder / "archive").rglob("*") if path.is_file())
    file.chmod(0o600)
    file.write_bytes(file.read_bytes().replace(b'"seq":5', b'"seq":3'))


MIXED_ATTACKS: Final[Attacks] = {
    **ATTACKS,
    "an erased payload brought back": (bring_back, Level.FULL, 3, FindingKind.ERASURE_UNDONE),
    "a payload deleted, and its erasure pretended": (pretend_erasure, Level.FULL, TARGET, FindingKind.PAYLOAD_MISSING),
    "the key of an archived payload deleted": (lose_key, Level.FULL, 5, FindingKind.PAYLOAD_MISSING),
    "an object of the archive exchanged": (exchange_object, Level.FULL, 0, FindingKind.ARCHIVE_CHANGED),
}


@pytest.fixture
def scene(database_url: str, tmp_path: Path) -> Scene:
    return built(Scene(database_url, World(tmp_path / "world"), tmp_path))


def built(scene: Scene) -> Scene:
    (scene.folder / "world").mkdir()
    scene.build()
    return scene


def test_every_attack_is_found_at_its_level_with_its_first_entry(scene: Scene) -> None:
    assert attacked(scene, ATTACKS) == expected(scene, ATTACKS)


def test_every_attack_is_found_beside_erased_archived_and_held_entries(tmp_path: Path) -> None:
    scene = built(Scene(f"sqlite:///{tmp_path}/ledger.db", World(tmp_path / "world"), tmp_path, mixed=True))
    assert (scene.verified(Level.SOURCE).erased, scene.verified(Level.SOURCE).archived) == (1, 9)
    assert attacked(scene, MIXED_ATTACKS) == expected(scene, MIXED_ATTACKS)


def expected(scene: Scene, attacks: Attacks) -> dict[str, list[object]]:
    return {name: [level, scene.seq(offset), kind] for name, (_, level, offset, kind) in attacks.items()}


def attacked(scene: Scene, attacks: Attacks) -> dict[str, list[object]]:
    """Carry every attack out on the honest ledger, and return what finds it."""
    engine = open_engine(scene.url)
    honest, heads = dump(engine), scene.heads
    seen = {}
    for name, (attack, *_) in attacks.items():
        scene.heads = heads
        with engine.begin() as connection:
            break_in(connection)
            put(connection, honest)
        assert all(scene.verified(level).valid for level in LEVELS), name
        with engine.begin() as connection:
            break_in(connection)
            attack(connection, scene)
        seen[name] = found(scene)
    engine.dispose()
    return seen


def found(scene: Scene) -> list[object]:
    """Return the first level that finds something, and what; every deeper one must find something, too."""
    reports = {level: scene.verified(level) for level in LEVELS}
    tampered = [level for level in LEVELS if reports[level].verdict is Verdict.TAMPERED]
    assert tampered == list(LEVELS[len(LEVELS) - len(tampered) :])
    if not tampered:
        return []
    first = reports[tampered[0]].first_bad
    assert first is not None
    return [tampered[0], first.sequence, first.kind]


def test_a_second_history_is_refused_by_the_witness(scene: Scene) -> None:
    """A split view: another auditor is shown another log of the same name, signed by the same key."""
    refused_by_the_witness(scene, partial(edited, offset=23))


def test_a_second_history_with_the_same_erasures_is_refused_by_the_witness(tmp_path: Path) -> None:
    """Erased, archived and held alike; what is another, an edited record or a record less, stands before them or behind."""
    changes: Sequence[Change] = (partial(edited, offset=2), partial(edited, offset=23), left_out)
    for number, change in enumerate(changes):
        folder = tmp_path / str(number)
        folder.mkdir()
        scene = built(Scene(f"sqlite:///{folder}/ledger.db", World(folder / "world"), folder, mixed=True))
        refused_by_the_witness(scene, change)


def refused_by_the_witness(scene: Scene, change: Change) -> None:
    """Show the witness another history: after what it has cosigned, and as if it had seen none."""
    scene.forged(change)
    other = open_store(f"sqlite:///{scene.folder}/evil/ledger.db", ORIGIN)
    witness = witness_at(scene.folder)
    with other.snapshot() as snapshot:
        growth = growth_of(snapshot, scene.seq(WITNESSED))
    with pytest.raises(NotCosigned) as refused:
        witness.add_checkpoint(growth.encode())
    assert refused.value.code == 422
    with pytest.raises(NotCosigned) as stale:
        witness.add_checkpoint(Growth(0, (), growth.note).encode())
    assert stale.value.code == 409
    other.close()


def test_what_may_be_rewritten_unseen_without_the_topics_is_what_no_witness_has_seen(scene: Scene) -> None:
    """The window of exposure, in entries: 40 to 49."""
    engine = open_engine(scene.url)
    honest = dump(engine)
    unseen = []
    for offset in (0, 10, 39, 40, 49):
        with engine.begin() as connection:
            break_in(connection)
            put(connection, honest)
            chained_anew(connection, scene, change=partial(edited, offset=offset), resigned=True)
        if scene.verified(Level.WITNESS).valid:
            unseen.append(offset)
    engine.dispose()
    assert unseen == [40, 49]
