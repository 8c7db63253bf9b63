import subprocess
import sys
import threading
from contextvars import copy_context

import pytest

from driftline.alerting.addresses import parse_allow_list
from services.alerting.adapters.channels.guarded import NotPermitted
from services.alerting.adapters.channels.watched import Watch, watched

NOBODY = parse_allow_list([])


@pytest.mark.parametrize(
    ("address", "permitted"),
    [
        (("93.184.215.14", 443), True),
        (("2606:2800:21f:cb07:6820:80da:af6b:8b2c", 443, 0, 0), True),
        (("10.1.2.3", 80), False),
        (("::ffff:127.0.0.1", 80, 0, 0), False),
        (("fe80::1%eth0", 80, 0, 2), False),
        (("example.org", 80), False),
        ("/run/docker.sock", False),
    ],
)
def test_only_public_addresses_are_connected_to(address, permitted) -> None:
    watch = Watch(NOBODY)
    if permitted:
        watch.judge("socket.connect", (None, address))
    else:
        with pytest.raises(NotPermitted):
            watch.judge("socket.connect", (None, address))
    assert (watch.refused is None) is permitted


def test_another_program_would_be_out_of_sight_and_is_refused() -> None:
    with watched(NOBODY) as watch, pytest.raises(NotPermitted):
        subprocess.run([sys.executable, "--version"], check=True)
    assert watch.refused == "it would start a program (subprocess.Popen)"


def test_a_thread_with_a_copy_of_the_context_is_watched_too() -> None:
    refused = []

    def run() -> None:
        try:
            subprocess.run(["true"], check=True)
        except NotPermitted as error:
            refused.append(str(error))

    with watched(NOBODY) as watch:
        thread = threading.Thread(target=copy_context().run, args=(run,))
        thread.start()
        thread.join()
    assert refused == [watch.refused]


def test_nobody_else_is_watched_and_nobody_afterwards() -> None:
    ran = []
    thread = threading.Thread(target=lambda: ran.append(subprocess.run(["true"], check=True).returncode))
    with watched(NOBODY):
        thread.start()
        thread.join()
    assert ran == [subprocess.run(["true"], check=True).returncode] == [0]
