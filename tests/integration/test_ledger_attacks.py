"""The table of attacks by a live superuser: every guard dropped, every right there is, on SQLite, PostgreSQL and MariaDB.

50 records, an entry each; a signed head each 10; a witness outside has cosigned those up to 40
level       the first of hash, full, witness, source that finds it; those before it find nothing
entry, kind the first bad entry, and what is said of it
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import Connection, Engine, Table, delete, insert, select, text, update

from driftline.cli.ledger_source import verify_source
from driftline.ledger.chain import Draft
from driftline.ledger.checkpoint import VerifierKey
from driftline.ledger.growth import Growth
from driftline.ledger.heads import SignedHead
from driftline.ledger.policy import parse_policy
from driftline.ledger.report import FindingKind, Level, Report, Verdict
from driftline.ledger.store import LedgerStore, growth_of, open_store, open_writer, verify_store
from driftline.ledger.store import tables as t
from driftline.ledger.store.engine import open_engine
from driftline.ledger.tree import Frontier
from driftline.ledger.witnessed import FoundNote, check_witnessed
from services.audit.witness.cosigning import NotCosigned
from tests.unit.ledger.ledger_builders import KEY, ORIGIN, Salts, draft
from tests.unit.services.audit.witness.log_and_witness import W1, witness_at
from tests.unit.services.audit.world import Between, World

pytestmark = pytest.mark.integration

ENTRIES, BATCH, WITNESSED = 50, 10, 40
LEVELS: Final = (Level.HASH, Level.FULL, Level.WITNESS, Level.SOURCE)
TABLES: Final[Sequence[Table]] = (t.head, t.offset, t.subject, t.entry, t.payload, t.node, t.checkpoint, t.withdrawal)
Rows = dict[str, list[dict[str, Any]]]
Change = Callable[[list[Draft]], list[Draft]]


@dataclass
class Scene:
    """An honest ledger in one database, the topics it came from, and what the witness outside has seen."""

    url: str
    world: World
    folder: Path
    heads: list[SignedHead] = field(default_factory=list)
    backup: Rows = field(default_factory=dict)

    def build(self) -> None:
        """Record and sign ten at a time, with the witness looking on."""
        writer, _ = open_writer(self.url, KEY, signed_path=self.folder / "signed", random=Salts())
        recorder, witness, found, seen = self.world.recorder(Between(writer, salted)), witness_at(self.folder), [], 0
        for size in range(BATCH, ENTRIES + 1, BATCH):
            for number in range(size - BATCH, size):
                self.world.event(number)
            while recorder.step(0.0):
                pass
            if size == 30:
                self.backup = dump(writer.store.engine)
            if size <= WITNESSED:
                with writer.store.snapshot() as snapshot:
                    growth = growth_of(snapshot, seen)
                found.append(FoundNote(growth.note + witness.add_checkpoint(growth.encode())[1], "witness"))
                seen = size
        policy = parse_policy(f"witness w1 {W1.verifier.encode()}\nquorum w1\n".encode())
        witnessed, self.heads = check_witnessed(found, policy=policy, key=KEY.verifier)
        assert (witnessed.size, len(self.heads)) == (WITNESSED, 4)
        writer.store.close()

    def forged(self, change: Change) -> Rows:
        """Return a ledger of the same records with drafts changed, every hash, link, trail and signature right."""
        folder = self.folder / "evil"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        writer, _ = open_writer(f"sqlite:///{folder}/ledger.db", KEY, signed_path=folder / "signed", random=Salts())
        self.world.run(self.world.recorder(Between(writer, lambda drafts: change(salted(drafts)))))
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
            return verify_source(store, self.world.cluster, key=key, trusted=self.heads, quiet_seconds=1.0)
        if level is Level.WITNESS:
            return verify_store(store, Level.FULL, key=key, trusted=self.heads)
        return verify_store(store, level, key=key)


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


def edit_payload(connection: Connection, _scene: Scene) -> None:
    connection.execute(update(t.payload).where(t.payload.c.seq == 7).values(body=b"forged"))


def edit_column(connection: Connection, _scene: Scene) -> None:
    connection.execute(update(t.entry).where(t.entry.c.seq == 7).values(actor="service:x"))


def delete_payload(connection: Connection, _scene: Scene) -> None:
    connection.execute(delete(t.payload).where(t.payload.c.seq == 7))


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
    return [*drafts[:23], replace(draft(999, source=None), event_ts=1), *drafts[23:]]


def cut_tail(connection: Connection, _scene: Scene) -> None:
    """Go back to 30 entries as neatly as can be: head, checkpoints, payloads and offsets with it."""
    connection.execute(delete(t.payload).where(t.payload.c.seq >= 30))
    connection.execute(delete(t.entry).where(t.entry.c.seq >= 30))
    connection.execute(delete(t.checkpoint).where(t.checkpoint.c.size > 30))
    hashes = connection.scalars(select(t.entry.c.entry_hash).order_by(t.entry.c.seq)).all()
    tree = Frontier()
    tree.extend(hashes)
    connection.execute(update(t.head).values(size=30, head_hash=hashes[-1], frontier=tree.to_bytes()))
    connection.execute(update(t.offset).where(t.offset.c.next_offset > 0).values(next_offset=30))


def put_back(connection: Connection, scene: Scene) -> None:
    put(connection, scene.backup)


def skip(connection: Connection, scene: Scene) -> None:
    """The writer itself leaves a record out; its chain is honest, and cosigned."""
    put(connection, scene.forged(left_out))
    scene.heads = []


Attack = Callable[[Connection, Scene], None]
ATTACKS: Final[dict[str, tuple[Attack, Level, int, FindingKind]]] = {
    "a payload edited": (edit_payload, Level.FULL, 7, FindingKind.PAYLOAD_CHANGED),
    "a query column edited, the leaf untouched": (edit_column, Level.FULL, 7, FindingKind.COLUMN_CHANGED),
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
    "a payload deleted without an entry that erased it": (delete_payload, Level.FULL, 7, FindingKind.PAYLOAD_MISSING),
}  # fmt: skip
"""The twelfth, a split view, is refused before there is anything to verify: `test_a_second_history_...`."""


@pytest.fixture
def scene(database_url: str, tmp_path: Path) -> Scene:
    scene = Scene(database_url, World(tmp_path / "world"), tmp_path)
    (tmp_path / "world").mkdir()
    scene.build()
    return scene


def test_every_attack_is_found_at_its_level_with_its_first_entry(scene: Scene) -> None:
    engine = open_engine(scene.url)
    honest, heads = dump(engine), scene.heads
    seen = {}
    for name, (attack, *_) in ATTACKS.items():
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
    assert seen == {name: expected for name, (_, *expected) in ATTACKS.items()}


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
    rows = scene.forged(partial(edited, offset=23))
    folder = scene.folder / "evil"
    other = open_store(f"sqlite:///{folder}/ledger.db", ORIGIN)
    witness = witness_at(scene.folder)
    with other.snapshot() as snapshot:
        growth = growth_of(snapshot, WITNESSED)
    with pytest.raises(NotCosigned) as refused:
        witness.add_checkpoint(growth.encode())
    assert refused.value.code == 422
    with pytest.raises(NotCosigned) as stale:
        witness.add_checkpoint(Growth(0, (), growth.note).encode())
    assert stale.value.code == 409
    other.close()
    assert len(rows["ledger_entry"]) == ENTRIES


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
