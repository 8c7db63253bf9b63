"""Follow the commands for one model and print what serves it.

DRIFTLINE_KAFKA_BOOTSTRAP=127.0.0.1:9092 python -m examples.serving nyc.flights.delay flights-delay 2 --ready 1
"""

import argparse
import signal
import threading

from driftline.clock import SystemClock
from driftline.kafka.configuration import client_properties
from driftline.kafka.confluent import ConfluentCluster
from examples.serving.adapter import Adapter
from examples.serving.router import Router


def main() -> None:
    """Follow until interrupted."""
    parser = argparse.ArgumentParser(allow_abbrev=False, prog="python -m examples.serving", description=__doc__)
    parser.add_argument("model")
    parser.add_argument("endpoint")
    parser.add_argument("deployed", help="version that serves")
    parser.add_argument("--ready", action="append", default=[], help="another version that is loaded")
    given = parser.parse_args()
    router = Router(given.model, given.endpoint, {given.deployed: 1.0})
    for version in given.ready:
        router.load(version)
    stopping = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stopping.set())
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    adapter = Adapter(ConfluentCluster(client_properties()), {given.model: router}, SystemClock())
    try:
        while not stopping.is_set():
            if adapter.step(0.5):
                said = router.observed(0)
                print(f"revision {said.revision}: {dict(said.traffic) or 'paused'} {said.error or ''}", flush=True)
    finally:
        adapter.close()


if __name__ == "__main__":
    main()
