"""The supervisor with stand-ins for the services: a real broker, real processes, real signals."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from driftline.broker.embedded import free_port
from driftline.ledger.policy import parse_policy
from services.child import Child
from services.supervisor import WITNESS, ServiceFailed, Supervisor

pytestmark = pytest.mark.integration

STAND_IN = """
import http.server, os, signal, sys, threading
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
        self.wfile.write(b'{"pid": %d}' % os.getpid())
    def log_message(self, *_): pass
server = http.server.HTTPServer(("127.0.0.1", int(os.environ["DRIFTLINE_HTTP_PORT"])), Handler)
def leave(*_):
    with open(os.environ["DRIFTLINE_DATA_DIR"] + "/stopped", "a") as file:
        file.write(sys.argv[1] + " ")
    threading.Thread(target=server.shutdown).start()
signal.signal(signal.SIGTERM, leave)
server.serve_forever()
"""
FALLING = "import sys; print('cannot go on: no such table'); sys.exit(3)"


def _stand_in(name: str) -> list[str]:
    return [sys.executable, "-c", STAND_IN, name]


def _eventually(holds, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def _answers(url):
    try:
        return httpx.get(url).status_code == 200
    except httpx.HTTPError:
        return False


def _processes_of(state: Path) -> list[str]:
    """Command lines of processes that were started for this state."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment, command = (folder / "environ").read_bytes(), (folder / "cmdline").read_bytes()
        except OSError:
            continue
        ours = str(state).encode()
        if int(folder.name) != os.getpid() and (ours in environment or ours in command):
            found.append(command.replace(b"\0", b" ").decode(errors="replace")[:120])
    return found


@pytest.fixture
def told():
    return []


@pytest.fixture
def supervisor(tmp_path, told):
    made = Supervisor(
        tmp_path / "state", progress=told.append, fixed_ports=False, services={"one": 0, "two": 0}, command=_stand_in
    )
    yield made
    made.stop()
    assert _processes_of(tmp_path / "state") == []


def test_it_brings_everything_up_and_leaves_nothing_behind(supervisor, told):
    supervisor.start()
    assert all(httpx.get(f"{url}/readyz").status_code == 200 for url in supervisor.urls.values())
    assert set(supervisor.pids) == {"one", "two", "kafka"}
    assert all(megabytes > 5 for megabytes in supervisor.peaks().values())
    for name in ("tokens", "operator.token", "ledger.key"):
        assert stat.S_IMODE((supervisor.state / name).stat().st_mode) == 0o600
    supervisor.stop()
    assert (supervisor.state / "data" / "stopped").read_text().split() in (["two", "one"], ["one", "two"])
    assert told.index("stopping two") < told.index("stopping one") < told.index("stopping Kafka")
    assert supervisor.peaks()["kafka"] > 50


def test_a_second_start_keeps_topics_token_and_key(tmp_path):
    kept = []
    for _ in range(2):
        with Supervisor(tmp_path / "s", fixed_ports=False, services={"one": 0}, command=_stand_in) as up:
            kept.append((up.token, (tmp_path / "s" / "ledger.key").read_text(), up.bootstrap))
    assert kept[0] == kept[1]


def test_what_falls_is_started_again_and_said_so(supervisor, told):
    supervisor.start()
    first = supervisor.pids["one"]
    os.kill(first, signal.SIGKILL)
    _eventually(lambda: supervisor.pids.get("one") not in {None, first} and _answers(supervisor.urls["one"]))
    assert supervisor.restarts == 1
    assert any(message.startswith("one was ended by SIGKILL; again in 0.5 s") for message in told)


def test_a_broker_that_falls_comes_back_at_the_same_address(supervisor, told):
    supervisor.start()
    bootstrap, first = supervisor.bootstrap, supervisor.pids["kafka"]
    os.kill(first, signal.SIGKILL)
    _eventually(lambda: supervisor.pids.get("kafka") not in {None, first})
    assert supervisor.bootstrap == bootstrap
    assert any("Kafka ended by itself" in message for message in told)


def test_a_service_that_always_falls_is_an_error_with_the_end_of_its_log(tmp_path):
    supervisor = Supervisor(
        tmp_path / "s", fixed_ports=False, services={"one": 0, "bad": 0},
        command=lambda name: [sys.executable, "-c", FALLING] if name == "bad" else _stand_in(name),
    )  # fmt: skip
    with pytest.raises(ServiceFailed, match="no such table"), supervisor:
        pytest.fail("it came up")
    assert _processes_of(tmp_path / "s") == []


def test_a_witness_runs_beside_with_key_and_store_of_its_own_and_the_ledger_is_told_of_it(tmp_path):
    def command(name: str) -> list[str]:
        return [sys.executable, "-m", "services.audit.witness"] if name == "audit.witness" else _stand_in(name)

    with Supervisor(tmp_path / "s", fixed_ports=False, services={**WITNESS, "one": 0}, command=command) as up:
        settings = up.client_settings
        (witness,) = parse_policy(Path(settings["DRIFTLINE_LEDGER_POLICY_FILE"]).read_bytes()).witnesses
        assert witness.url == f"{settings['DRIFTLINE_AUDIT_WITNESS_URL']}/"
        assert httpx.post(f"{witness.url}add-checkpoint", content=b"").status_code == 400
        folder = up.state / "audit.witness"
        assert (folder / "witness.db").exists()
        assert stat.S_IMODE((folder / "witness.key").stat().st_mode) == 0o600
        assert (folder / "logs").read_text() == (up.state / "ledger.key.vkey").read_text()
    assert _processes_of(tmp_path / "s") == []


def test_a_taken_port_gives_way(tmp_path, free_port):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port))
        taken.listen()
        with Supervisor(tmp_path / "s", services={"one": free_port}, command=_stand_in) as up:
            assert str(free_port) not in up.urls["one"]


MAIN = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that starts tests in the background has it ignored
from pathlib import Path
from services import __main__ as main, supervisor
real = supervisor.Supervisor
ours = dict(fixed_ports=False, services={{"one": 0, "two": 0}}, command=lambda name: [sys.executable, "-c", {stand_in!r}, name])
main.Supervisor = lambda state, **options: real(state, **{{**options, **ours}})
sys.argv[1:] = ["--state", {state!r}]
sys.exit(main.main())
"""


@pytest.mark.parametrize(
    ("seconds", "number"),
    [(0.8, signal.SIGTERM), (2.0, signal.SIGINT), (4.0, signal.SIGTERM), (7.0, signal.SIGINT), (15.0, signal.SIGTERM)],
)
def test_a_signal_at_any_moment_leaves_nothing_behind(tmp_path, seconds, number):
    state = tmp_path / "state"
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN.format(stand_in=STAND_IN, state=str(state))],
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    time.sleep(seconds)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert "Traceback" not in errors or seconds < 2.0  # before main() Python itself answers the signal
    assert _processes_of(state) == []


def test_another_process_on_the_port_of_a_service_does_not_make_it_ready(tmp_path):
    port = free_port()
    environment = {**os.environ, "DRIFTLINE_DATA_DIR": str(tmp_path)}
    other = Child("other", _stand_in("other"), port=port, log=tmp_path / "other.log")
    ours = Child("ours", [sys.executable, "-c", "import time; time.sleep(60)"], port=port, log=tmp_path / "ours.log")
    try:
        other.launch(environment)
        _eventually(other.is_ready)
        ours.launch(environment)

        assert _answers(f"{ours.url}/readyz")
        assert not ours.is_ready()
    finally:
        for child in (other, ours):
            child.ask_to_stop()
            child.wait_stopped(time.monotonic() + 10)
