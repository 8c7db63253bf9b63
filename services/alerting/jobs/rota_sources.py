"""Reads who is on call from files and URLs. What cannot be read or used changes nothing: the last good reading stands."""

from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from driftline.alerting.addresses import AllowList
from driftline.alerting.config_escalations import read_shifts
from driftline.alerting.delivery import Refused, TryAgain
from driftline.alerting.escalation import Rota, RotaSource
from driftline.clock import Clock
from driftline.errors import ConfigurationError
from services.alerting.adapters.channels.guarded import GuardedClient
from services.alerting.adapters.plan import PlanInForce
from services.alerting.metrics import ROTA_AGE_SECONDS
from services.alerting.store import rotas
from services.alerting.store.database import Database

_LOG = structlog.get_logger("driftline.alerting")
_TIMEOUT_SECONDS = 10.0
_LONGEST = 64 * 1024

Read = Callable[[RotaSource], str]
"""The text of a source. Raises ConfigurationError where there is none."""


class RotaSources:
    """A job."""

    def __init__(self, database: Database, in_force: PlanInForce, clock: Clock, read: Read) -> None:
        self._database = database
        self._in_force = in_force
        self._clock = clock
        self._read = read
        self._tried: dict[str, int] = {}

    def run_once(self, _wake: Callable[[], None]) -> int | None:
        """Read every source whose time has come."""
        now, routing = self._clock.now_us(), self._in_force.routing
        sourced = [(rota, rota.source) for rota in routing.rotas.values() if rota.source is not None]
        for rota, source in sourced:
            if self._tried.get(rota.name, now - source.refresh) + source.refresh <= now:
                self._tried[rota.name] = now
                self._refresh(rota, source, routing.receivers, now)
        self._measure([rota.name for rota, _ in sourced], now)
        return min((self._tried[rota.name] + source.refresh for rota, source in sourced), default=None)

    def close(self) -> None:
        """Nothing is left under way between two runs."""

    def _refresh(self, rota: Rota, source: RotaSource, receivers: Mapping[str, object], now: int) -> None:
        try:
            shifts = read_shifts(self._read(source), receivers.keys(), source=f"on_call {rota.name}")
        except ConfigurationError as error:
            _LOG.warning("the source of a rota cannot be used; its last good reading stands", rota=rota.name, error=str(error))
            return
        with self._database.write() as tx:
            rotas.save(tx, rota.name, shifts, now)

    def _measure(self, names: list[str], now: int) -> None:
        with self._database.read() as tx:
            read = {name: rotas.read_at(tx, name) for name in names}
        for name, at in read.items():
            ROTA_AGE_SECONDS.labels(name).set((now - (at or 0)) / 1_000_000)


class SourceReader:
    """Reads a source from the disk, or over HTTP from addresses that are allowed."""

    def __init__(self, allowed: AllowList) -> None:
        self._allowed = allowed

    def __call__(self, source: RotaSource) -> str:
        """The text. Raises ConfigurationError."""
        return self._file(source.file) if source.file is not None else self._url(source.url or "")

    def _file(self, file: str) -> str:
        try:
            return Path(file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{file} cannot be read: {error}") from error

    def _url(self, url: str) -> str:
        client = GuardedClient(url, self._allowed, timeout_seconds=_TIMEOUT_SECONDS, name="the source of a rota")
        answer = client.get({"Accept": "application/json, application/yaml", "User-Agent": "driftline-alerting"})
        client.close()
        if isinstance(answer, TryAgain | Refused):
            raise ConfigurationError(answer.error)
        if answer.code != 200:
            raise ConfigurationError(f"it answered {answer.code}")
        if len(answer.body) >= _LONGEST:
            raise ConfigurationError("it is longer than 64 kB")
        return answer.body.decode("utf-8", "replace")
