"""Errors of the embedded broker.

BrokerError
├── DownloadFailed   the jars could not be fetched: check the network, or use a Kafka of your own
├── JarsDiffer       a jar is not the one on the committed list: nothing is started
├── PortInUse        another process listens there
├── DataInUse        another broker runs on this data directory
└── StartFailed      the broker ended or did not answer; the end of its log is in the message
"""

from driftline.errors import DriftlineError

__all__ = ["BrokerError", "DataInUse", "DownloadFailed", "JarsDiffer", "PortInUse", "StartFailed"]


class BrokerError(DriftlineError):
    """Any failure of the embedded broker."""


class DownloadFailed(BrokerError):
    """The jars or the Java runtime could not be fetched."""


class JarsDiffer(BrokerError):
    """A resolved jar is missing, unexpected, or has another SHA-256 than the committed list."""


class PortInUse(BrokerError):
    """The wanted port is taken."""


class DataInUse(BrokerError):
    """Another process holds the data directory."""


class StartFailed(BrokerError):
    """The broker did not come up."""
