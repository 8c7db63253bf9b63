"""The ledger on SQLite, PostgreSQL and MariaDB: appends, guards against a superuser, roles, migrations, several writers."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, inspect, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from driftline.ledger.checkpoint import open_checkpoint
from driftline.ledger.entries import Query
from driftline.ledger.errors import LedgerUnavailable, StaleOffsets
from driftline.ledger.report import Level
from driftline.ledger.store import (
    Check,
    LedgerWriter,
    OffsetMove,
    UrlObjects,
    examine,
    install_roles,
    install_schema,
    joining,
    open_engine,
    open_store,
    open_writer,
    verify_store,
)
from driftline.ledger.store.archiving import archive
from driftline.ledger.store.erasing import Author, Subjected, erase
from driftline.ledger.store.schema import MIGRATIONS, VERSION_TABLE
from driftline.ledger.store.tables import VERSION, metadata
from driftline.revisions import revisions
from tests.unit.ledger.ledger_builders import KEY, SOURCE, Salts, draft, grow

pytestmark = pytest.mark.integration

UNSAFE: Mapping[str, set[str]] = {
    "sqlite": set(),
    "postgresql": {"setting fsync", "setting full_page_writes"},
    "mysql": {"setting innodb_flush_log_at_trx_commit", "setting innodb_doublewrite", "setting sync_binlog"},
}
"""What the servers of tests leave out to be quick."""

BATCHES = [[draft(first + n, actor="alice") for n in range(size)] for first, size in ((0, 1), (1, 7), (8, 292))]


def writer_on(url: str, folder: Path) -> LedgerWriter:
    return open_writer(url, KEY, signed_path=folder / "last-signed", random=Salts())[0]


def wrong(checks: list[Check]) -> set[str]:
    return {check.name for check in checks if not check.healthy}.difference(*UNSAFE.values())


@pytest.fixture
def grown(database_url: str, tmp_path: Path) -> Iterator[LedgerWriter]:
    """A ledger of 300 entries by services and people, made with every right."""
    writer = writer_on(database_url, tmp_path)
    grow(writer, BATCHES)
    yield writer
    writer.store.close()


def as_user(url: str, role: str) -> str:
    """Return the URL of a new user in a role."""
    user = f"{role}_user"
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        mysql = connection.dialect.name == "mysql"
        connection.execute(text(f"CREATE USER {user}" if mysql else f"CREATE ROLE {user} LOGIN"))
        for statement in joining(role, user, connection.dialect):
            connection.execute(text(statement))
    return make_url(url).set(username=user).render_as_string(hide_password=False)


def execute(url: str, *statements: str) -> None:
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def test_every_database_keeps_the_same_ledger(grown: LedgerWriter, database_url: str, tmp_path: Path) -> None:
    report = verify_store(grown.store, Level.FULL, key=KEY.verifier)
    assert (report.valid, report.entries, report.findings) == (True, 300, ())
    with grown.store.snapshot() as snapshot:
        head = snapshot.head()
        mine = list(snapshot.entries(Query(actor="alice", newest_first=True, limit=3)))
        assert [entry.seq for entry in mine] == [299, 298, 297]
        assert [entry.payload for entry in snapshot.entries(Query(mentions="payload 42"))] == [b"payload 42"]
        assert len(list(snapshot.source_rows(1))) == 300
    # The same drafts in the same batches have the same hashes, wherever they lie.
    twin = writer_on(f"sqlite:///{tmp_path}/twin.db", tmp_path / "twin")
    grow(twin, BATCHES)
    with twin.store.snapshot() as snapshot:
        assert snapshot.head() == head
    assert writer_on(database_url, tmp_path).size == 300


def test_names_that_differ_in_blanks_or_case_are_of_different_people(database_url: str, tmp_path: Path) -> None:
    writer = writer_on(database_url, tmp_path)
    names = ["alice", "alice ", "Alice", "älice", "ALICE", "\N{PILE OF POO}", "a\x00b", ""]
    grow(writer, [[draft(n, actor=name, resource=("model ", name)) for n, name in enumerate(names)]])
    with writer.store.snapshot() as snapshot:
        assert snapshot.statistics().actors == len(names)
        assert [entry.seq for entry in snapshot.entries(Query(actor="alice "))] == [1]
        assert [entry.seq for entry in snapshot.entries(Query(resource=("model ", "ALICE")))] == [4]
        assert [entry.seq for entry in snapshot.entries(Query(resource=("model", "ALICE")))] == []
    assert verify_store(writer.store, Level.FULL, key=KEY.verifier).valid


def test_a_batch_that_fails_leaves_neither_entries_nor_offsets(grown: LedgerWriter) -> None:
    position = grown.positions([SOURCE])[SOURCE]
    with pytest.raises(StaleOffsets):
        grown.append([draft(900)], [OffsetMove(position.source_id, 7, 901)], now=5)
    other = SOURCE._replace(partition=1)
    second = grown.positions([other])[other]
    with pytest.raises(StaleOffsets):
        grown.append([draft(300)], [OffsetMove(1, 300, 301), OffsetMove(second.source_id, 4, 5)], now=5)
    assert grown.positions([SOURCE])[SOURCE] == position
    assert verify_store(grown.store, Level.FULL, key=KEY.verifier).entries == 300


def test_what_is_erased_or_archived_leaves_by_the_rules(grown: LedgerWriter, tmp_path: Path) -> None:
    author = Author("dpo", "asked to", 9, Salts())
    objects = UrlObjects(str(tmp_path / "archive"))
    assert sum(done.entries for done in archive(grown, objects, author, before=1_001)) == 1
    erased = erase(grown, Subjected("alice"), author)
    assert erased is not None
    assert erased.entries == 300
    report = verify_store(grown.store, Level.FULL, key=KEY.verifier)
    assert (report.valid, report.entries) == (True, 302)
    with grown.store.snapshot() as snapshot:
        assert [subject.name for subject in snapshot.subjects()] == ["dpo"]


ATTACKS: Mapping[str, str] = {
    "update": "UPDATE ledger_entry SET actor = 'x' WHERE seq = 3",
    "update of nothing new": "UPDATE ledger_payload SET body = body WHERE seq = 3",
    "delete": "DELETE FROM ledger_entry WHERE seq = 299",
    "delete everything": "DELETE FROM ledger_payload",
    "shrink the head": "UPDATE ledger_head SET size = 10",
    "move an offset back": "UPDATE ledger_offset SET next_offset = 0",
    "exchange a root": "UPDATE ledger_checkpoint SET root = '12345678901234567890123456789012'",
    "exchange a name": "UPDATE ledger_subject SET name = 'x'",
    "change a node": "UPDATE ledger_node SET idx = idx + 1",
}
ATTACKS_BY: Mapping[str, Mapping[str, str]] = {
    "postgresql": {
        **{f"truncate {name}": f"TRUNCATE {name} CASCADE" for name in metadata.tables},
        "update as a replica": "SET LOCAL session_replication_role = replica; UPDATE ledger_payload SET body = '' WHERE seq = 3",
        "delete as a replica": "SET LOCAL session_replication_role = replica; DELETE FROM ledger_payload WHERE seq = 3",
        "truncate as a replica": "SET LOCAL session_replication_role = replica; TRUNCATE ledger_payload",
        "upsert": "INSERT INTO ledger_node SELECT * FROM ledger_node ON CONFLICT (level, idx) DO UPDATE SET hash = ''",
        "chain as a replica": "SET LOCAL session_replication_role = replica; INSERT INTO ledger_entry (seq, entry_id, ts_us, action,"
        " actor, resource_type, resource_id, data_hash, previous_hash, entry_hash, leaf) SELECT 301, '', ts_us, action, actor,"
        " resource_type, resource_id, data_hash, '', entry_hash, leaf FROM ledger_entry WHERE seq = 299",
        "payload as a replica": "SET LOCAL session_replication_role = replica; INSERT INTO ledger_payload VALUES (300, '', '')",
        "delete behind a temporary table": "CREATE TEMPORARY TABLE ledger_withdrawal AS SELECT 3 AS seq, 3 AS by_seq;"
        " CREATE TEMPORARY TABLE ledger_entry AS SELECT 3 AS seq, CAST('ledger.erased' AS text) AS action;"
        " DELETE FROM public.ledger_payload WHERE seq = 3",
        "payload behind a temporary table": "CREATE TEMPORARY TABLE ledger_entry AS SELECT 300 AS seq;"
        " INSERT INTO public.ledger_payload VALUES (300, '', '')",
        "payload by a view": "CREATE VIEW door AS SELECT * FROM ledger_payload; INSERT INTO door VALUES (300, '', '')",
        "payload within another query": "WITH x AS (INSERT INTO ledger_payload VALUES (300, '', ''))"
        " INSERT INTO ledger_payload SELECT 301, '', '' WHERE false",
        "payload by a merge": "MERGE INTO ledger_payload p USING (SELECT 300 AS seq) e ON p.seq = e.seq"
        " WHEN NOT MATCHED THEN INSERT VALUES (e.seq, '', '')",
        "merge": "MERGE INTO ledger_payload p USING ledger_entry e ON p.seq = e.seq WHEN MATCHED THEN DELETE",
    },
    "mysql": {
        **{f"truncate {name}": f"TRUNCATE {name}" for name in metadata.tables},
        "replace": "REPLACE INTO ledger_payload (seq, salt, body) VALUES (3, '', '')",
        "replace the head": "REPLACE INTO ledger_head SELECT id, origin, 10, head_hash, frontier, last_ts_us FROM ledger_head",
        "upsert": "INSERT INTO ledger_payload (seq, salt, body) VALUES (3, '', '') ON DUPLICATE KEY UPDATE body = 'x'",
        "update without checks": "SET foreign_key_checks = 0; UPDATE ledger_payload SET body = '' WHERE seq = 3",
        "chain without checks": "SET foreign_key_checks = 0 /*M!, check_constraint_checks = 0 */;"
        " INSERT INTO ledger_entry (seq, entry_id, ts_us, action, actor, resource_type, resource_id, data_hash, previous_hash,"
        " entry_hash, leaf) VALUES (301, 'x', 1, 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a')",
    },
    "sqlite": {"replace": "REPLACE INTO ledger_payload (seq, salt, body) VALUES (3, x'00', x'00')"},
}


def test_guards_refuse_a_superuser(grown: LedgerWriter, database_url: str) -> None:
    engine = create_engine(database_url, poolclass=NullPool)
    went_through = []
    for name, statements in {**ATTACKS, **ATTACKS_BY[engine.dialect.name]}.items():
        with engine.connect() as connection:
            try:
                for statement in statements.split("; "):
                    connection.execute(text(statement))
            except DBAPIError as error:
                said = str(error.orig)
                assert any(w in said for w in ("is append-only", "only changes", "takes only", "foreign key")), (name, said)
            else:
                went_through.append(name)
            connection.rollback()
    assert went_through == []
    assert verify_store(grown.store, Level.FULL, key=KEY.verifier).valid


def test_doctor_finds_only_the_role_of_a_superuser(grown: LedgerWriter, database_url: str) -> None:
    kind = grown.store.engine.dialect.name
    checks = examine(grown.store.engine)
    assert wrong(checks) == (set() if kind == "sqlite" else {"role"})
    settings = {check.name for check in checks if not check.healthy and check.name.startswith("setting")}
    assert settings in (UNSAFE[kind], set())  # a server that was given may be a safe one
    assert verify_store(grown.store, Level.FULL, key=KEY.verifier).valid


DAMAGE: Mapping[str, Mapping[str, tuple[tuple[str, ...], set[str]]]] = {
    "postgresql": {
        "a guard is disabled": (
            ("ALTER TABLE ledger_payload DISABLE TRIGGER ledger_payload_no_delete",),
            {"guard ledger_payload_no_delete", "ledger_payload refuses delete"},
        ),
        "a guard sleeps on replicas": (
            ("ALTER TABLE ledger_payload ENABLE TRIGGER ledger_payload_no_delete",),
            {"guard ledger_payload_no_delete"},
        ),
        "a guard does nothing": (
            ("CREATE OR REPLACE FUNCTION ledger_head_no_update() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",),
            {"guard ledger_head_no_update", "ledger_head refuses update", "ledger_head refuses upsert"},
        ),
        "truncate is let in": (
            ("DROP TRIGGER ledger_node_no_truncate ON ledger_node",),
            {"guard ledger_node_no_truncate", "ledger_node refuses truncate"},
        ),
        "the chain is not held": (
            ("DROP TRIGGER ledger_entry_links ON ledger_entry",),
            {"guard ledger_entry_links", "ledger_entry refuses a gap", "ledger_entry refuses a wrong link", "ledger_entry refuses a fork", "ledger_entry refuses an entry of no known source"},
        ),
        "the chain is held by a function that does nothing": (
            ("CREATE OR REPLACE FUNCTION ledger_entry_links() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",),
            {"guard ledger_entry_links", "ledger_entry refuses a gap", "ledger_entry refuses a wrong link", "ledger_entry refuses a fork", "ledger_entry refuses an entry of no known source"},
        ),
        "payloads hang on nothing": (
            ("ALTER TABLE ledger_payload DISABLE TRIGGER ledger_payload_links",),
            {"guard ledger_payload_links", "ledger_payload refuses a payload of no entry"},
        ),
        "links sleep on replicas": (
            ("ALTER TABLE ledger_payload ENABLE TRIGGER ledger_payload_links",),
            {"guard ledger_payload_links"},
        ),
        "links are asked of other rows": (
            (
                "DROP TRIGGER ledger_payload_links ON ledger_payload",
                "CREATE TRIGGER ledger_payload_links AFTER INSERT ON ledger_payload REFERENCING NEW TABLE AS others EXECUTE FUNCTION ledger_payload_links()",
                "ALTER TABLE ledger_payload ENABLE ALWAYS TRIGGER ledger_payload_links",
            ),
            {"guard ledger_payload_links", "ledger_payload refuses a payload of no entry"},
        ),
        "a guard sees temporary tables first": (
            ("ALTER FUNCTION ledger_payload_no_delete RESET ALL",),
            {"guard ledger_payload_no_delete"},
        ),
        "hashes are not checked": (
            ("ALTER TABLE ledger_entry DROP CONSTRAINT ledger_entry_hash",),
            {"table ledger_entry", "ledger_entry refuses a forged hash"},
        ),
        "a rule turns updates away": (
            ("CREATE RULE spy AS ON INSERT TO ledger_subject DO INSTEAD NOTHING",),
            {"no other triggers", "ledger_subject refuses upsert"},
        ),
        "somebody may delete": (("GRANT DELETE ON ledger_payload TO PUBLIC",), {"grants"}),
        "somebody may change a column": (("GRANT UPDATE (actor) ON ledger_entry TO PUBLIC",), {"grants"}),
        "a cascade deletes": (
            ("CREATE TABLE twin (seq bigint REFERENCES ledger_entry (seq) ON DELETE CASCADE)",),
            {"no cascades"},
        ),
    },
    "mysql": {
        "a guard is dropped": (
            ("DROP TRIGGER ledger_payload_no_update",),
            {"guard ledger_payload_no_update", "ledger_payload refuses update", "ledger_payload refuses upsert"},
        ),
        "truncate is let in": (("DROP TABLE ledger_pin",), {"guard ledger_pin"}),
        "the chain is not held": (
            ("DROP TRIGGER ledger_entry_no_replace", "ALTER TABLE ledger_entry DROP FOREIGN KEY ledger_entry_ibfk_1"),
            {"guard ledger_entry_no_replace", "table ledger_entry", "ledger_entry refuses a gap", "ledger_entry refuses a wrong link",
             "ledger_entry refuses a fork", "ledger_entry refuses an entry of no known source"},
        ),
        "hashes are not checked": (
            ("ALTER TABLE ledger_entry DROP CONSTRAINT ledger_entry_hash",),
            {"table ledger_entry", "ledger_entry refuses a forged hash"},
        ),
        "writers are shown no guards": (("DROP PROCEDURE ledger_guards",), {"guard ledger_guards"}),
        "a cascade deletes": (
            ("CREATE TABLE twin (seq bigint, FOREIGN KEY (seq) REFERENCES ledger_entry (seq) ON DELETE CASCADE)",),
            {"no cascades"},
        ),
        "a spy listens": (
            ("CREATE TRIGGER spy AFTER INSERT ON ledger_entry FOR EACH ROW SET @spied = 1",),
            {"no other triggers"},
        ),
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_doctor_names_what_is_taken_away(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    server = request.getfixturevalue({"postgresql": "postgresql", "mysql": "mariadb"}[kind])
    for name, (statements, expected) in DAMAGE[kind].items():
        url = server.new_database()
        folder = tmp_path / name
        folder.mkdir()
        writer = writer_on(url, folder)
        grow(writer, [[draft(n, actor="alice") for n in range(300)]])
        execute(url, *statements)
        assert wrong(examine(writer.store.engine)) - {"role"} == expected, name
        writer.store.close()
        again = open_engine(url)
        install_schema(again)  # puts guards back; constraints and foreign things are for people
        left = {check for check in wrong(examine(again)) if check.startswith("guard")}
        assert left == set(), name
        again.dispose()


@pytest.fixture(params=["postgresql", "mariadb"])
def server_url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(f"{request.param}_url"))


def test_roles_have_their_rights_and_no_others(server_url: str, tmp_path: Path) -> None:
    admin = open_engine(server_url)
    install_schema(admin)
    roles = install_roles(admin)
    assert roles is not None
    assert install_roles(admin) == roles  # again changes nothing
    writer_url, reader_url = as_user(server_url, roles.writer), as_user(server_url, roles.reader)
    owner_url = as_user(server_url, roles.owner)
    writer = writer_on(writer_url, tmp_path)
    grow(writer, [[draft(n, actor="bob") for n in range(300)]])
    assert wrong(examine(writer.store.engine)) == set()
    for url in (writer_url, reader_url):
        for statement in (
            *ATTACKS.values(),
            "DROP TABLE ledger_node",
            "CREATE TABLE mine (id integer)",
            "TRUNCATE ledger_node",
        ):
            with pytest.raises(DBAPIError, match=r"denied|only changes|is append-only|must be owner"):
                execute(url, statement)
    store = open_store(reader_url)
    assert verify_store(store, Level.FULL, key=KEY.verifier).entries == 300
    assert wrong(examine(store.engine)) == set()
    with pytest.raises(DBAPIError, match="denied"):
        execute(reader_url, "INSERT INTO ledger_node VALUES (9, 9, '')")
    owner = open_engine(owner_url)
    install_schema(owner)  # the owner migrates
    if server_url.startswith("mysql"):  # triggers act for their maker, whose roles they do not have
        execute(server_url, "DROP TRIGGER ledger_entry_no_replace")
        with pytest.raises(LedgerUnavailable, match=r"(TRIGGER command denied|SUPER).*not by a role"):
            install_schema(owner)
        install_schema(admin)
        grow(writer, [[draft(300)]])
        execute(server_url, f"GRANT {roles.owner} TO {roles.writer}_user")  # a role that is not active, but can be
        assert wrong(examine(writer.store.engine)) == {"role"}
    with pytest.raises(DBAPIError, match=r"only changes|denied"):
        execute(owner_url, "UPDATE ledger_payload SET body = body")
    assert "role" in wrong(examine(owner))
    for engine in (admin, owner, store.engine, writer.store.engine):
        engine.dispose()


def test_a_writer_without_tables_is_told_what_to_do(server_url: str, tmp_path: Path) -> None:
    admin = open_engine(server_url)
    install_schema(admin)
    roles = install_roles(admin)
    assert roles is not None
    url = as_user(server_url, roles.writer)
    if server_url.startswith("mysql"):
        execute(
            server_url,
            "SET foreign_key_checks = 0",
            "DROP TABLE ledger_pin",
            *(f"DROP TABLE {n}" for n in (*metadata.tables, VERSION_TABLE)),
        )
        execute(
            server_url,
            f"REVOKE ALL PRIVILEGES, GRANT OPTION FROM {roles.writer}",
            f"GRANT SELECT ON {make_url(url).database}.* TO {roles.writer}",
        )
    else:
        execute(server_url, f"DROP TABLE {', '.join((*metadata.tables, VERSION_TABLE))} CASCADE")
    with pytest.raises(LedgerUnavailable, match="run `driftline ledger install`"):
        writer_on(url, tmp_path)
    admin.dispose()


def is_of(made: object, dialect: str) -> bool:
    """Tell whether a constraint is one of a dialect; alembic does not look."""
    condition = getattr(made, "_ddl_if", None)
    return condition is None or dialect in condition.dialect


def test_the_revisions_make_the_tables_that_the_code_wants(database_url: str) -> None:
    engine = open_engine(database_url)
    install_schema(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table": VERSION_TABLE,
                "compare_type": True,
                "include_object": lambda made, name, *_: name != "ledger_pin" and is_of(made, engine.dialect.name),
            },
        )
        assert compare_metadata(context, metadata) == []
        assert inspect(connection).has_table(VERSION_TABLE)
    assert {check.name for check in examine(engine) if check.name.startswith("table") and not check.healthy} == set()
    engine.dispose()
    assert revisions(MIGRATIONS).get_heads() == [VERSION]


KEYS: Mapping[str, tuple[str, ...]] = {
    "postgresql": (
        "DROP TRIGGER ledger_entry_links ON ledger_entry",
        "DROP TRIGGER ledger_payload_links ON ledger_payload",
        "ALTER TABLE ledger_entry ADD UNIQUE (previous_hash), ADD UNIQUE (seq, entry_hash)",
        "ALTER TABLE ledger_entry ADD FOREIGN KEY (source_id) REFERENCES ledger_offset (source_id)",
        "ALTER TABLE ledger_entry ADD FOREIGN KEY (prev_seq, previous_hash) REFERENCES ledger_entry (seq, entry_hash)",
        "ALTER TABLE ledger_payload ADD FOREIGN KEY (seq) REFERENCES ledger_entry (seq)",
    ),
    "mysql": (
        "ALTER TABLE ledger_entry ADD UNIQUE (previous_hash), ADD UNIQUE (seq, entry_hash)",
        "ALTER TABLE ledger_entry ADD FOREIGN KEY (prev_seq, previous_hash) REFERENCES ledger_entry (seq, entry_hash)",
    ),
}
"""What tables of the first revision had besides."""


def test_guards_take_the_place_of_foreign_keys_and_no_entry_is_written_again(server_url: str, tmp_path: Path) -> None:
    writer = writer_on(server_url, tmp_path)
    grow(writer, BATCHES)
    dialect = writer.store.engine.dialect
    kind, tables = dialect.name, "innodb_sys_tables" if getattr(dialect, "is_mariadb", False) else "innodb_tables"
    writer.store.close()
    execute(server_url, *KEYS[kind], f"UPDATE {VERSION_TABLE} SET version_num = '0001'")
    places = text(
        "SELECT ctid, xmin, pg_relation_filenode('ledger_entry'), seq FROM ledger_entry ORDER BY seq"
        if kind == "postgresql"
        else f"SELECT table_id FROM information_schema.{tables} WHERE name = concat(database(), '/ledger_entry')"
    )
    engine = create_engine(server_url, poolclass=NullPool)
    with engine.connect() as connection:
        before = connection.execute(places).all()
    with closing(open_store(server_url)) as older:  # who only reads needs no newer tables, and changes none
        assert verify_store(older, Level.FULL, key=KEY.verifier).valid
    grown = writer_on(server_url, tmp_path)
    with engine.connect() as connection:
        assert connection.execute(places).all() == before
    assert wrong(examine(grown.store.engine)) == {"role"}
    grow(grown, [[draft(300)]])
    assert verify_store(grown.store, Level.FULL, key=KEY.verifier).entries == 301
    grown.store.close()


def test_tables_of_a_newer_driftline_are_refused(grown: LedgerWriter, database_url: str, tmp_path: Path) -> None:
    execute(database_url, f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    with pytest.raises(LedgerUnavailable, match="newer than this Driftline"):
        writer_on(database_url, tmp_path)
    with pytest.raises(LedgerUnavailable, match="newer than this Driftline"):
        open_store(database_url)


def test_writers_that_start_and_append_at_once_fence_each_other(database_url: str, tmp_path: Path) -> None:
    faults: list[BaseException] = []
    fenced = [0]

    def work(number: int) -> None:
        try:
            writer = writer_on(database_url, tmp_path)
            while (at := writer.positions([SOURCE])[SOURCE]).next_offset < 400:
                first = at.next_offset
                drafts = [draft(n, actor=f"user {n % 5}") for n in range(first, min(400, first + 10 + number))]
                try:
                    writer.append(drafts, [OffsetMove(at.source_id, first, first + len(drafts))], now=7)
                except StaleOffsets:
                    fenced[0] += 1
            writer.store.close()
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert faults == []
    store = open_store(database_url)
    report = verify_store(store, Level.FULL, key=KEY.verifier)
    assert (report.valid, report.entries) == (True, 400)
    with store.snapshot() as snapshot:
        assert [row.src_start for row in snapshot.source_rows(1)] == list(range(400))
    store.close()


def test_install_says_what_it_did_and_shows_no_password(server_url: str) -> None:
    url = make_url(server_url).set(password="not-to-be-seen")
    done = subprocess.run(
        [sys.executable, "-m", "driftline.cli", "ledger", "install", "--database", url.render_as_string(hide_password=False)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == (0 if url.get_backend_name() == "postgresql" else 2), done.stderr
    assert "not-to-be-seen" not in done.stdout + done.stderr
    if done.returncode == 0:
        assert f"{url.database}_writer" in done.stdout


def test_a_connection_that_the_server_closed_while_it_rested_is_made_anew(
    server_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("driftline.ledger.store.engine._REST", 0.0)
    writer = writer_on(server_url, tmp_path)
    grow(writer, [[draft(0)]])
    with writer.store.engine.connect() as connection:
        mysql = connection.dialect.name == "mysql"
        own = connection.scalar(text("SELECT connection_id()" if mysql else "SELECT pg_backend_pid()"))
    execute(server_url, f"KILL {own}" if mysql else f"SELECT pg_terminate_backend({own})")
    grow(writer, [[draft(1)]])
    assert writer.size == 2
    writer.store.close()


def test_a_note_is_written_at_once_though_its_commit_waits_for_nothing(grown: LedgerWriter) -> None:
    with grown.store.snapshot() as snapshot:
        note = snapshot.latest_note()
        assert note is not None
        assert open_checkpoint(note, KEY.verifier).size == 300
    with grown.store.engine.connect() as connection:
        if connection.dialect.name == "postgresql":  # the next commit waits again
            assert connection.scalar(text("SHOW synchronous_commit")) == "on"
        if connection.dialect.name == "sqlite":
            assert connection.scalar(text("PRAGMA synchronous")) == 2
