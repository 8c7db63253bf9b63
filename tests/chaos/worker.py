"""Drift and audit as they are, in processes that say when they are inside a transaction and can be stopped there.

    python -m tests.chaos.worker [--hold 0.02] [--split]

A nursery: for each line "SERVICE NAME FOLDER" on standard input it forks a process that runs this service as instance NAME.
It is forked and not started anew because importing everything takes longer than the life of a process in this test.

Lines on standard output are "WORD NAME PID ROWS": "done" for a committed transaction, "frozen" where the process has
stopped itself (SIGSTOP) inside one, because a file "freeze" lies in its folder; "born" and "gone". Rows are those of the
profile sets in the transaction.
"""

import argparse
import os
import select
import signal
import sys
import traceback
from pathlib import Path

from tests.chaos import audit_process, drift_process


def be_born(service: str, name: str, folder: Path, arguments: argparse.Namespace) -> None:
    """The rest of a forked process's life."""
    log = os.open(folder / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 2)
    os.environ["DRIFTLINE_INSTANCE_ID"] = name
    flag = folder / name / "freeze"
    code = 1
    try:
        if service == "audit":
            code = audit_process.work(flag)
        else:
            os.environ["DRIFTLINE_DATA_DIR"] = str(folder / name)
            code = drift_process.work(flag, hold=arguments.hold, split=arguments.split)
    except BaseException:
        traceback.print_exc()
    os._exit(code)


def serve(arguments: argparse.Namespace, children: set[int]) -> None:
    """Fork what is asked for and tell what has ended, until standard input ends."""
    waiting = b""
    while True:
        if select.select([0], [], [], 0.05)[0]:
            more = os.read(0, 4096)
            if not more:
                return
            *lines, waiting = (waiting + more).split(b"\n")
            for line in lines:
                service, name, folder = line.decode().split(" ", 2)
                child = os.fork()
                if not child:
                    be_born(service, name, Path(folder), arguments)
                children.add(child)
                os.write(1, f"born {name} {child} 0\n".encode())
        for child in list(children):
            if os.waitpid(child, os.WNOHANG)[0]:
                children.discard(child)
                os.write(1, f"gone - {child} 0\n".encode())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hold", type=float, default=0.0)
    parser.add_argument("--split", action="store_true")
    arguments = parser.parse_args()
    os.write(1, b"ready\n")
    children: set[int] = set()
    try:
        serve(arguments, children)
    finally:
        for child in children:  # the test has ended, perhaps by a kill: nobody else would end them
            os.kill(child, signal.SIGKILL)


if __name__ == "__main__":
    main()
    sys.exit(0)
