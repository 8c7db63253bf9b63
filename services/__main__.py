"""`python -m services`: Driftline on this machine until Ctrl-C."""

import argparse
import os
import shlex
import signal
import sys
from pathlib import Path
from types import FrameType

from rich.console import Console

from driftline.errors import DriftlineError
from services.supervisor import SERVICES, WITNESS, Supervisor


def main() -> int:
    """Bring everything up, say where it is, stay until a signal; 0 after a clean stop, 2 when it could not start."""
    parser = argparse.ArgumentParser(allow_abbrev=False, prog="python -m services", description=__doc__)
    parser.add_argument("--state", type=Path, default=Path(".driftline/up"), help="folder for all state (default: %(default)s)")
    parser.add_argument("--stop", action="store_true", help="stop the one that runs on this state")
    parser.add_argument("--witness", action="store_true", help="and a witness of the ledger, to try it out")
    arguments = parser.parse_args()
    console = Console(stderr=True)
    if arguments.stop:
        return _stop(console, arguments.state)
    supervisor = Supervisor(
        arguments.state,
        progress=lambda message: console.print(message, style="dim", markup=False),
        services={**WITNESS, **SERVICES} if arguments.witness else SERVICES,
    )
    signal.signal(signal.SIGTERM, _interrupt)
    pid_file = _pid_file(arguments.state)
    try:
        with supervisor:
            pid_file.write_text(str(os.getpid()), encoding="utf-8")
            _say_where(console, supervisor)
            supervisor.wait()
    except KeyboardInterrupt:
        return 0
    except DriftlineError as error:
        console.print(str(error), style="red", markup=False)
        return 2
    finally:
        pid_file.unlink(missing_ok=True)
    return 0


def _pid_file(state: Path) -> Path:
    return state / "supervisor.pid"


def _stop(console: Console, state: Path) -> int:
    try:
        os.kill(int(_pid_file(state).read_text(encoding="utf-8")), signal.SIGTERM)
    except (OSError, ValueError):
        console.print(f"no Driftline runs on {state}")
        return 2
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _say_where(console: Console, supervisor: Supervisor) -> None:
    console.print("[bold]Driftline is up.[/bold] Ctrl-C stops it.")
    for name, url in supervisor.urls.items():
        console.print(f"  {name:<13} {url}   metrics at {url}/metrics")
    path = _client_file(supervisor)
    console.print(f"\nFor the command line and producers in another shell:\n  source {path}", highlight=False)


def _client_file(supervisor: Supervisor) -> Path:
    """A file of `export` lines; mode 0600, since the operator's token is in it."""
    path = supervisor.state / "environment.sh"
    path.touch(mode=0o600)
    lines = [f"export {name}={shlex.quote(value)}" for name, value in supervisor.client_settings.items()]
    scripts = Path(sys.executable).parent
    path.write_text("\n".join([*lines, f'export PATH={shlex.quote(str(scripts))}:"$PATH"', ""]), encoding="utf-8")
    return path


if __name__ == "__main__":
    sys.exit(main())
