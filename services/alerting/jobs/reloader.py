"""Reads the configuration again, by signal or over HTTP. What cannot be used changes nothing, and is said."""

import threading
from collections.abc import Callable

import structlog

from driftline.errors import ConfigurationError
from services.alerting.adapters.plan import Plan
from services.alerting.metrics import CONFIG_RELOAD_SUCCESSFUL

_LOG = structlog.get_logger("driftline.alerting")


class Reloader:
    """A part of the process."""

    def __init__(self, read: Callable[[], Plan], put_in_force: Callable[[Plan], None]) -> None:
        self._read = read
        self._put_in_force = put_in_force
        self._turn = threading.Lock()
        self._wanted = threading.Event()
        self._stopping = False
        CONFIG_RELOAD_SUCCESSFUL.set(1)

    def reload(self) -> Plan:
        """Read, and work by it from now on. Raises ConfigurationError: then the old one stays in force."""
        with self._turn:
            try:
                plan = self._read()
            except ConfigurationError as error:
                CONFIG_RELOAD_SUCCESSFUL.set(0)
                _LOG.error("the configuration cannot be used; the old one stays in force", error=str(error))
                raise
            self._put_in_force(plan)
            CONFIG_RELOAD_SUCCESSFUL.set(1)
            _LOG.info("configuration read again", receivers=len(plan.routing.receivers), channels=sorted(plan.channels))
            return plan

    def request(self) -> None:
        """Have it read soon; fit for a signal's handler."""
        self._wanted.set()

    def run(self) -> None:
        """Read whenever it was requested, until stopped."""
        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self._stopping:
                return
            try:
                self.reload()
            except ConfigurationError:
                continue  # it has been said

    def stop(self) -> None:
        """Read no more."""
        self._stopping = True
        self._wanted.set()
