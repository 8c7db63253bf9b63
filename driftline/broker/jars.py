"""The broker's jars: resolved by jgo, then held against a committed list of SHA-256.

A resolver is not a lock: `jars.sha256` is. A folder that passed the check is used again without
the network, and is checked again at every start (46 files, 44 MB, about 0.1 s).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from driftline.broker.errors import DownloadFailed, JarsDiffer

__all__ = ["KAFKA_VERSION", "Progress", "cache_dir", "check_jars", "ensure_jars", "expected_jars"]

KAFKA_VERSION = "4.3.1"
COORDINATES = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}+org.slf4j:slf4j-simple:1.7.36"
"""Kafka binds to slf4j 1.7, so the binding must be 1.7 too."""

Progress = Callable[[str, int, int], None]
"""What is being done, how much of it is done, of how much."""


def cache_dir() -> Path:
    """Return where downloads are kept: DRIFTLINE_CACHE_DIR, else the user's cache folder."""
    explicit = os.environ.get("DRIFTLINE_CACHE_DIR")
    if explicit:
        return Path(explicit)
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "driftline"


def expected_jars() -> dict[str, str]:
    """Return the committed list: file name to SHA-256 in hexadecimal."""
    text = (Path(__file__).parent / "jars.sha256").read_text(encoding="ascii")
    pairs = (line.split() for line in text.splitlines() if line.strip())
    return {name: digest for digest, name in pairs}


def check_jars(folder: Path, expected: dict[str, str]) -> None:
    """Raise JarsDiffer unless the folder holds exactly the expected jars."""
    found = {path.name: path for path in folder.glob("*.jar")}
    missing = sorted(expected.keys() - found.keys())
    strange = sorted(found.keys() - expected.keys())
    if missing or strange:
        message = f"{folder}: jars missing {missing or 'none'}, unexpected {strange or 'none'}"
        raise JarsDiffer(f"{message}; delete the folder and start again")
    for name, path in sorted(found.items()):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if digest != expected[name]:
            raise JarsDiffer(
                f"{path} has SHA-256 {digest}, expected {expected[name]}: "
                "not started; delete the folder and start again, and if it happens again do not trust the download"
            )


def ensure_jars(cache: Path | None = None, progress: Progress | None = None) -> Path:
    """Return a folder with the broker's jars, fetching them the first time.

    Safe in parallel: each fetch works in a folder of its own and moves into place as a whole.
    Raises DownloadFailed without a network, JarsDiffer when a jar is not the expected one.
    """
    root = cache or cache_dir()
    expected = expected_jars()
    folder = root / f"kafka-{KAFKA_VERSION}"
    if folder.is_dir():
        check_jars(folder, expected)
        return folder
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root, prefix="resolving-") as scratch:
        resolved = _resolve(Path(scratch), len(expected), progress or _silent)
        check_jars(resolved, expected)
        try:
            resolved.rename(folder)
        except OSError:  # somebody else was first; theirs must be as good
            check_jars(folder, expected)
    return folder


def _silent(_what: str, _done: int, _total: int) -> None:
    return


def _resolve(scratch: Path, total: int, progress: Progress) -> Path:
    """Resolve into `scratch` while counting what arrives; return the flat folder of jars."""
    failures: list[BaseException] = []
    finished = threading.Event()

    def work() -> None:
        try:
            _run_jgo(scratch)
        except BaseException as error:  # noqa: BLE001  handed to the waiting thread, raised there
            failures.append(error)
        finally:
            finished.set()

    threading.Thread(target=work, name="jgo", daemon=True).start()
    while not finished.wait(0.25):
        count = sum(1 for _ in scratch.rglob("repo/**/*.jar"))
        progress("fetching Apache Kafka", min(count, total), total)
    if failures:
        raise DownloadFailed(
            f"could not fetch Apache Kafka {KAFKA_VERSION} from Maven Central ({failures[0]}): check the network "
            "(behind a proxy set HTTPS_PROXY), or set DRIFTLINE_KAFKA_BOOTSTRAP to a Kafka that is running"
        ) from failures[0]
    progress("fetching Apache Kafka", total, total)
    flat = scratch / "jars"
    flat.mkdir()
    for jar in (scratch / "environment").rglob("*.jar"):
        shutil.copy2(jar, flat / jar.name)
    return flat


def _run_jgo(scratch: Path) -> None:
    from jgo.env import EnvironmentBuilder
    from jgo.maven import MavenContext, PythonResolver

    context = MavenContext(resolver=PythonResolver(), repo_cache=scratch / "repo", local_repos=[], timeout=60)
    EnvironmentBuilder(context=context, cache_dir=scratch / "environment").from_endpoint(COORDINATES)
