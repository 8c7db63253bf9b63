"""Database servers of the tests' own: private, on a Unix socket in a temporary folder, gone when the session ends.

They are what Debian installs (`postgresql`, `mariadb-server`); where the programs are absent the tests that need them are
skipped. `durable=True` leaves every commit as safe as the servers make it by default: for benchmarks.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

START_SECONDS = 60.0


class ServerMissing(Exception):
    """The programs of a server are not installed here."""


class DatabaseServer:
    """A running server; `url` is its superuser's, on the database that always exists."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._made: list[str] = []

    def new_database(self) -> str:
        """Make an empty database and return the superuser's URL of it."""
        name = f"t{uuid.uuid4().hex[:12]}"
        with self._connection() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        self._made.append(name)
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def stop(self) -> None:
        """Leave a MySQL or MariaDB as it was found: without our databases, and the roles and users named after them."""
        with self._connection() as connection:
            users = connection.scalars(text("SELECT user FROM mysql.user")).all()
            for name in self._made:
                connection.execute(text(f"DROP DATABASE {name}"))
                for user in [each for each in users if each.startswith(f"{name}_")]:
                    connection.execute(text(f"DROP USER {user}"))

    def _connection(self) -> Connection:
        return create_engine(self.url, poolclass=NullPool, isolation_level="AUTOCOMMIT").connect()


class PrivateServer(DatabaseServer):
    """A server of the tests' own."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes], url: str) -> None:
        super().__init__(url)
        self._folder = folder
        self._process = process

    def kill(self) -> None:
        """Take the power away: no checkpoint, no goodbye."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """Stop the server and remove everything it had."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGINT if "postgres" in self.url else signal.SIGTERM)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


def start_postgresql(*, durable: bool = False) -> PrivateServer:
    """Start a PostgreSQL; raises ServerMissing."""
    initdb = _program("initdb", sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name)))
    user, folder = _place("postgres")
    data = folder / "data"
    _run([initdb, "-D", data, "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C"], user)
    words = [initdb.with_name("postgres"), "-D", data, "-k", folder, "-c", "listen_addresses=", "-c", "max_connections=60"]
    if not durable:
        words += ["-c", "fsync=off", "-c", "full_page_writes=off"]
    process = _start(words, user, folder)
    return _answering(PrivateServer(folder, process, f"postgresql+psycopg://postgres@/postgres?host={folder}"))


def start_mariadb(*, durable: bool = False) -> PrivateServer:
    """Start a MariaDB; raises ServerMissing."""
    server = _program("mariadbd", [Path("/usr/sbin")])
    install = _program("mariadb-install-db", [Path("/usr/bin")])
    user, folder = _place("mysql")
    data, socket = folder / "data", folder / "socket"
    _run(
        [install, "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal", "--skip-test-db"]
        + ([f"--user={user}"] if user else []),
        user,
    )
    words = [server, "--no-defaults", f"--datadir={data}", f"--socket={socket}", "--skip-networking", "--max-connections=60"]
    words += [f"--pid-file={folder}/pid", f"--tmpdir={folder}", "--innodb-buffer-pool-size=128M"]
    if not durable:
        words += ["--innodb-flush-log-at-trx-commit=0", "--skip-innodb-doublewrite", "--log-bin", "--sync-binlog=0"]
    process = _start(words, user, folder)
    return _answering(PrivateServer(folder, process, f"mysql+pymysql://root@localhost/mysql?unix_socket={socket}"))


def _program(name: str, folders: Sequence[Path]) -> Path:
    found = shutil.which(name) or next((str(path / name) for path in reversed(folders) if (path / name).exists()), None)
    if found is None:
        raise ServerMissing(f"{name} is not installed (on Debian: apt-get install postgresql mariadb-server)")
    return Path(found)


def _place(owner: str) -> tuple[str | None, Path]:
    """Return the user to run as (None for ourselves; root may not run a PostgreSQL) and a folder of theirs; paths of sockets must be short."""
    folder = Path(tempfile.mkdtemp(prefix="driftline-"))
    if os.geteuid() != 0:
        return None, folder
    names = {entry.pw_name for entry in pwd.getpwall()}
    user = owner if owner in names else "nobody"
    shutil.chown(folder, user)
    folder.chmod(0o755)
    return user, folder


def _run(words: Sequence[object], user: str | None) -> None:
    done = subprocess.run(list(map(str, words)), user=user, capture_output=True, text=True, cwd="/", check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _start(words: Sequence[object], user: str | None, folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            list(map(str, words)), user=user, stdout=log, stderr=log, cwd="/", start_new_session=True, stdin=subprocess.DEVNULL
        )


def _answering(server: PrivateServer) -> PrivateServer:
    deadline = time.monotonic() + START_SECONDS
    engine = create_engine(server.url, poolclass=NullPool)
    while True:
        try:
            with engine.connect():
                return server
        except OperationalError as error:
            if server._process.poll() is not None or time.monotonic() > deadline:
                log = (server._folder / "log").read_text(errors="replace")
                server.stop()
                raise RuntimeError(f"the server did not start: {log[-4000:]}") from error
            time.sleep(0.05)
