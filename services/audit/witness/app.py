"""A witness from top to bottom: settings, keys, store, server, until a signal."""

import threading
from pathlib import Path

import structlog
from prometheus_client import REGISTRY

from driftline.clock import Clock
from driftline.errors import ConfigurationError
from driftline.ledger.checkpoint import VerifierKey, signed_text, verifier_keys
from driftline.ledger.cosignature import Cosigner, cosigners
from driftline.ledger.errors import KeyMalformed
from driftline.runtime.health import Health
from driftline.runtime.http import HttpServer, create_app
from driftline.runtime.process import run_parts
from services.audit.witness import api, metrics
from services.audit.witness.cosigning import Witness
from services.audit.witness.settings import WitnessSettings
from services.audit.witness.store import WitnessStore

LARGEST_REQUEST = 256 * 1024

log = structlog.get_logger("driftline.witness")


class Waiting:
    """The one part of the process besides the server's thread: waits for the end."""

    def __init__(self) -> None:
        self._end = threading.Event()

    def run(self) -> None:
        """Wait."""
        self._end.wait()

    def stop(self) -> None:
        """End the wait."""
        self._end.set()


def run(settings: WitnessSettings, clock: Clock) -> int:
    """Check all that can be wrong, put everything together, serve."""
    keys, logs = read_keys(settings.witness_key_file), read_logs(settings.witness_logs_file)
    store = WitnessStore(settings.store_file)
    witness = Witness(keys, logs, store, clock)
    for origin in logs:
        note = store.note(origin)
        metrics.SIZE.labels(log=origin).set(0 if note is None else signed_text(note).size)
    health = Health()
    app = create_app("Driftline witness", health=health, registry=REGISTRY, body_limit=LARGEST_REQUEST)
    app.include_router(api.routes(witness))
    server = HttpServer(app, settings.http_host, settings.http_port)
    server.start()
    health.ready()
    log.info("ready", url=server.url, witness=keys[0].verifier.name, logs=list(logs))
    try:
        return run_parts({"witness": Waiting()}, health)
    finally:
        server.stop()
        store.close()
        log.info("stopped")


def read_keys(path: Path) -> tuple[Cosigner, ...]:
    """Read the witness's keys; raises ConfigurationError for a file that is missing or open to others."""
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigurationError(f"{path} can be read by others: chmod 600 {path}")
        return cosigners(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"cannot read the witness's keys {path} ({error.strerror}): driftline ledger witness-keygen"
        ) from error
    except (KeyMalformed, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} holds no witness's keys: {error}") from error


def read_logs(path: Path) -> dict[str, VerifierKey]:
    """Read the verifier keys of the logs, by origin; raises ConfigurationError for a file without any."""
    try:
        logs = verifier_keys(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"cannot read the keys of the logs {path} ({error.strerror})") from error
    except (KeyMalformed, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} holds a line that is no verifier key of a log: {error}") from error
    if not logs:
        raise ConfigurationError(f"{path} names no log: write the verifier key of each on a line of its own")
    return logs
