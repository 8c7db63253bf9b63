"""`make demo`: set everything up, stream the year, tell what was found, and put the same into .driftline/demo/summary.json."""

import argparse
import secrets
import shutil
import signal
import sys
import time
from base64 import b64encode
from contextlib import ExitStack
from types import FrameType

from rich.console import Console

from driftline.errors import DriftlineError
from driftline.kafka.confluent import ConfluentCluster
from examples.flights.closing import finish
from examples.flights.observer import Observer
from examples.flights.preparation import prepare
from examples.flights.receiver import Receiver
from examples.flights.replay import stream
from examples.flights.stand import STATE, announce, console_link, settings
from services.supervisor import Supervisor


def main() -> int:
    """Exit code 0 when the demo ran to its end, 2 when something did not come up, 130 on Ctrl-C."""
    parser = argparse.ArgumentParser(allow_abbrev=False, prog="python -m examples.flights", description=__doc__)
    parser.add_argument("--stay", action="store_true", help="keep everything up until Ctrl-C")
    parser.add_argument("--last-month", type=int, default=12, choices=range(3, 13), help="end the year early")
    arguments = parser.parse_args()
    console = Console()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        run(console, last_month=arguments.last_month, stay=arguments.stay)
    except KeyboardInterrupt:
        console.print("\nstopped; nothing is left running")
        return 130
    except DriftlineError as error:
        console.print(f"[red]{error}[/red]")
        return 2
    return 0


def run(console: Console, *, last_month: int, stay: bool) -> None:
    """The whole demo, top to bottom."""
    started = time.monotonic()
    shutil.rmtree(STATE, ignore_errors=True)
    secret = "whsec_" + b64encode(secrets.token_bytes(24)).decode()
    with ExitStack() as stack:
        with console.status("reading the flights of 2013 and fitting a small model") as status:
            prepared = prepare(last_month)
            receiver = stack.enter_context(Receiver(secret))
            supervisor = stack.enter_context(Supervisor(STATE, settings(receiver.url, secret), status.update))
            status.update("publishing the baseline, the model and its monitor")
            cluster = ConfluentCluster.at(supervisor.bootstrap)
            monitor = announce(cluster, supervisor, prepared.baseline)
        setup = time.monotonic() - started
        console.print(f"watch it live: {console_link(supervisor)}")
        with Observer(cluster) as observer:
            sent = stream(console, supervisor, cluster, prepared, observer)
            seconds = {"setup": setup, "run": time.monotonic() - started - setup}
            finish(
                console,
                supervisor,
                prepared,
                monitor=monitor,
                observer=observer,
                receiver=receiver,
                sent=sent,
                seconds=seconds,
            )
        if stay:
            console.print("\nEverything stays up; Ctrl-C ends it.")
            signal.pause()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
