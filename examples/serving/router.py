"""Which version answers which request: the deployed one, unless a command says otherwise."""

import hashlib
from collections.abc import Mapping

from driftline.events import ServingCommand, ServingObserved

_SLOTS = 10_000


class Paused(Exception):
    """No version gets traffic; answer 503, or from a rule of your own."""


class Router:
    """The traffic of one endpoint. Commands are desired states: applying one twice, or an older one, changes nothing."""

    def __init__(self, model_id: str, endpoint: str, deployed: Mapping[str, float]) -> None:
        """`deployed` are the shares of the versions as they were rolled out, such as {"2": 0.9, "3": 0.1}."""
        self.model_id = model_id
        self.endpoint = endpoint
        self._deployed = dict(deployed)
        self._traffic = dict(deployed)
        self._known = set(deployed)
        self.revision = 0
        self.paused = False
        self.error: str | None = None
        self.requests: list[str] = []
        """Work that pipelines were asked for, each key once."""
        self._keys: set[str] = set()

    def load(self, version: str) -> None:
        """A version is ready to serve, without traffic."""
        self._known.add(version)

    def apply(self, command: ServingCommand) -> bool:
        """Put a command into effect; False where it is not for this endpoint, or older than what holds."""
        if (command.model_id, command.endpoint) != (self.model_id, self.endpoint) or command.revision <= self.revision:
            return False
        if missing := sorted(command.traffic.keys() - self._known):
            self.error = f"revision {command.revision}: version {', '.join(missing)} is not loaded"
            return True
        self.revision, self.paused, self.error = command.revision, command.paused, None
        self._traffic = {} if command.paused else dict(command.traffic or self._deployed)
        if command.request is not None and command.idempotency_key not in self._keys:
            self._keys.add(command.idempotency_key)
            self.requests.append(command.request)
        return True

    def version_for(self, prediction_id: str) -> str:
        """The version that answers; the same for the same id. Raises Paused."""
        if not self._traffic:
            raise Paused(self.model_id)
        slot = int.from_bytes(hashlib.sha256(prediction_id.encode()).digest()[:8]) % _SLOTS
        passed, last = 0.0, ""
        for version, share in sorted(self._traffic.items()):
            passed, last = passed + share * _SLOTS, version
            if slot < passed:
                return version
        return last

    def observed(self, now: int) -> ServingObserved:
        """What serves, for the topic `serving-status`."""
        return ServingObserved(
            model_id=self.model_id,
            endpoint=self.endpoint,
            revision=self.revision,
            paused=self.paused,
            traffic=dict(self._traffic),
            error=self.error,
            adapter="examples.serving",
            at=now,
        )
