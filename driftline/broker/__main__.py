"""`python -m driftline.broker`: one Kafka until Ctrl-C."""

# ruff: noqa: T201  a command talks to its terminal

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from driftline.broker.embedded import EmbeddedBroker
from driftline.broker.errors import BrokerError


def main(arguments: list[str] | None = None) -> int:
    """Run a broker in the foreground; 0 after Ctrl-C or SIGTERM, 2 when it could not run."""
    parser = argparse.ArgumentParser(allow_abbrev=False, prog="python -m driftline.broker", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(".driftline/kafka"), help="data directory")
    parser.add_argument("--port", type=int, default=0, help="0 chooses a free one")
    options = parser.parse_args(arguments)
    done = threading.Event()

    def leave(_number: int, _frame: FrameType | None) -> None:
        done.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, leave)
    broker = EmbeddedBroker(options.data, options.port)
    try:
        broker.start(_report)
    except BrokerError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"bootstrap {broker.bootstrap}  pid {broker.pid}  data {broker.data_dir}", flush=True)
    while not done.wait(0.5):
        if broker.pid is None:
            print(f"the broker ended by itself; see {broker.log_path}", file=sys.stderr)
            return 2
    broker.stop()
    return 0


def _report(what: str, count: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{what} {count}/{total}   ", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
