"""The webhook channel against real sockets: signature, addresses, redirects, slow and broken servers."""

import ipaddress
import socket
import threading
import time

import pytest

from driftline.alerting.addresses import parse_allow_list
from driftline.alerting.delivery import Delivered, Refused, TryAgain
from driftline.clock import SystemClock
from driftline.errors import ConfigurationError
from services.alerting.adapters.channels.port import Outgoing
from services.alerting.adapters.channels.webhook import WebhookChannel, WebhookTarget
from tests.integration.alerting_harness import KEY, Receiver

pytestmark = pytest.mark.integration
LOCAL = parse_allow_list(["127.0.0.1"])
MESSAGE = Outgoing("msg_1", b'{"a":1}')


def channel(url, allowed=LOCAL, **options):
    resolver = options.pop("resolver", None)
    target = WebhookTarget(url=url, keys=(KEY,), **options)
    if resolver is None:
        return WebhookChannel(target, allowed, SystemClock())
    return WebhookChannel(target, allowed, SystemClock(), resolver)


@pytest.fixture
def receiver():
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def raw():
    """A server that runs a function on each connection."""
    servers = []

    def serve(behave):
        listener = socket.create_server(("127.0.0.1", 0))
        servers.append(listener)

        def accept():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=behave, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"

    yield serve
    for listener in servers:
        listener.close()


def test_a_message_arrives_signed_and_the_connection_is_kept(receiver) -> None:
    hook = channel(receiver.url)
    assert hook.send(MESSAGE) == Delivered(200)
    assert hook.send(Outgoing("msg_2", b"{}")) == Delivered(200)
    assert [(one.id, one.body) for one in receiver.hooks] == [("msg_1", {"a": 1}), ("msg_2", {})]
    hook.close()


@pytest.mark.parametrize("code", [201, 202])
def test_201_and_202_are_delivered(receiver, code) -> None:
    receiver.answer = lambda _: (code, {})
    assert channel(receiver.url).send(MESSAGE) == Delivered(code)


def test_retry_after_is_handed_on(receiver) -> None:
    receiver.answer = lambda _: (429, {"Retry-After": "7"})
    outcome = channel(receiver.url).send(MESSAGE)
    assert outcome == TryAgain("answered 429", 429, 7_000_000)


def test_a_redirect_is_not_followed(receiver) -> None:
    with Receiver() as inside:
        receiver.answer = lambda _: (307, {"Location": inside.url})
        outcome = channel(receiver.url).send(MESSAGE)
        assert isinstance(outcome, Refused)
        assert "redirects are not followed" in outcome.error
        assert inside.attempts == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "0.0.0.0"])
def test_private_addresses_are_refused_however_they_are_written(receiver, host) -> None:
    outcome = channel(f"http://{host}:{receiver.port}/", parse_allow_list([])).send(MESSAGE)
    assert isinstance(outcome, Refused | TryAgain)
    assert receiver.attempts == []
    if isinstance(outcome, Refused):
        assert "DRIFTLINE_ALERTING_ALLOW_ADDRESSES" in outcome.error


def test_one_private_address_among_public_ones_refuses_the_name(receiver) -> None:
    def both(_host, _port):
        return [ipaddress.ip_address("93.184.216.34"), ipaddress.ip_address("127.0.0.1")]

    outcome = channel(f"http://example.org:{receiver.port}/", parse_allow_list([]), resolver=both).send(MESSAGE)
    assert isinstance(outcome, Refused)


def test_the_connection_goes_to_the_checked_address_also_when_the_name_points_elsewhere_by_then(receiver) -> None:
    asked = []

    def turncoat(host, _port):
        asked.append(host)
        return [ipaddress.ip_address("127.0.0.1")]

    # The system cannot resolve this name at all: only the pinned address can have been used, and it was asked for once.
    assert channel(f"http://nowhere.invalid:{receiver.port}/", resolver=turncoat).send(MESSAGE) == Delivered(200)
    assert asked == ["nowhere.invalid"]


def test_a_name_that_moves_to_a_private_address_is_refused_although_a_connection_is_open(receiver) -> None:
    addresses = [ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("127.0.0.2")]
    hook = channel(f"http://moving.invalid:{receiver.port}/", resolver=lambda _host, _port: [addresses.pop(0)])
    assert hook.send(MESSAGE) == Delivered(200)
    assert isinstance(hook.send(MESSAGE), Refused)


def test_a_name_that_cannot_be_resolved_is_tried_again() -> None:
    outcome = channel("http://nowhere.invalid/").send(MESSAGE)
    assert isinstance(outcome, TryAgain)
    assert "cannot be resolved" in outcome.error


def test_nobody_listening_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert isinstance(channel(f"http://127.0.0.1:{port}/").send(MESSAGE), TryAgain)


def test_a_server_that_says_nothing_costs_no_more_than_the_timeout(raw) -> None:
    url = raw(lambda connection: time.sleep(30))
    began = time.monotonic()
    outcome = channel(url, timeout_seconds=0.5).send(MESSAGE)
    assert outcome == TryAgain("no answer within 0.5 s")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("slow_part", "expected"),
    [(b"HTTP/1.1 200 OK\r\nX: ", TryAgain), (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", Delivered)],
)
def test_a_server_that_drips_costs_no_more_than_the_timeout(raw, slow_part, expected) -> None:
    def drip(connection):
        connection.sendall(slow_part)
        try:
            for _ in range(200):
                connection.sendall(b"x")
                time.sleep(0.1)
        except OSError:
            return

    began = time.monotonic()
    outcome = channel(raw(drip), timeout_seconds=0.5).send(MESSAGE)
    assert time.monotonic() - began < 5
    assert isinstance(outcome, expected)


def test_a_server_that_closes_its_kept_connection_does_not_cost_a_try(raw) -> None:
    taken = []

    def once(connection):
        taken.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        connection.close()

    hook = channel(raw(once))
    assert hook.send(MESSAGE) == Delivered(200)
    time.sleep(0.1)
    assert hook.send(MESSAGE) == Delivered(200)
    assert len(taken) == 2


@pytest.mark.parametrize(
    "answer", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n", b"HTTP/1.1 99999 no\r\n\r\n"]
)
def test_a_server_that_answers_nonsense_is_tried_again(raw, answer) -> None:
    def nonsense(connection):
        connection.recv(65536)
        connection.sendall(answer)
        connection.close()

    assert isinstance(channel(raw(nonsense), timeout_seconds=2).send(MESSAGE), TryAgain)


def test_a_huge_answer_is_not_read_to_its_end(raw) -> None:
    sent = []

    def huge(connection):
        connection.recv(65536)
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
            for _ in range(1000):
                connection.sendall(b"x" * 65536)
                sent.append(1)
        except OSError:
            return

    assert channel(raw(huge), timeout_seconds=10).send(MESSAGE) == Delivered(200)
    assert len(sent) < 1000


@pytest.mark.parametrize(
    "url", ["ftp://example.org/", "http:///x", "https://user:secret@example.org/", "http://example.org:99999/"]
)
def test_a_url_that_can_never_work_is_refused_at_the_start(url) -> None:
    with pytest.raises(ConfigurationError) as refused:
        channel(url)
    assert "secret" not in str(refused.value)


def test_a_target_does_not_show_its_path_or_keys() -> None:
    shown = repr(WebhookTarget(url="https://hooks.example.org/T0/secret-path", keys=(KEY,)))
    assert "secret-path" not in shown
    assert KEY.decode() not in shown


def test_tls_is_checked_against_the_name(raw) -> None:
    url = raw(lambda connection: connection.close()).replace("http:", "https:")
    assert isinstance(channel(url, timeout_seconds=2).send(MESSAGE), TryAgain)
