"""Asking a witness: paths, addresses that are not permitted, answers without end."""

import ipaddress
from collections.abc import Callable, Iterator
from hashlib import sha256

import httpx
import pytest

from driftline.alerting.addresses import AllowList, parse_allow_list
from driftline.errors import ConfigurationError, Unavailable
from driftline.runtime.witness_client import Answer, WitnessClient


def client(answer: Callable[[httpx.Request], httpx.Response]) -> WitnessClient:
    return WitnessClient("https://w.example.com/base/", transport=httpx.MockTransport(answer))


def test_it_asks_below_the_prefix_of_the_witness() -> None:
    asked: list[tuple[str, str, bytes]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((request.method, str(request.url), request.content))
        return httpx.Response(409, text="7\n")

    assert client(answer).add(b"old 0\n") == Answer(409, "7\n")
    client(answer).head("log")
    assert asked == [
        ("POST", "https://w.example.com/base/add-checkpoint", b"old 0\n"),
        ("GET", f"https://w.example.com/base/{sha256(b'log').hexdigest()}/checkpoint", b""),
    ]


def test_a_redirect_is_an_answer_and_not_followed() -> None:
    assert client(lambda _: httpx.Response(302, headers={"Location": "http://inside/"})).add(b"").code == 302


def test_an_answer_without_end_is_not_read() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 1024

    with pytest.raises(Unavailable, match="too much"):
        client(lambda _: httpx.Response(200, content=endless())).add(b"")


def test_who_does_not_answer_is_unavailable() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("", request=request)

    with pytest.raises(Unavailable, match="ConnectTimeout"):
        client(refuse).add(b"")


@pytest.mark.parametrize(
    "url",
    ["", "w.example.com", "ftp://w/", "file:///w", "http://", "http://u:p@w/", "http://w/?q", "http://w/#f", "http://w:x/"],
)
def test_a_url_of_no_witness_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        WitnessClient(url)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.7", "169.254.169.254", "::1", "::ffff:10.0.0.7"])
def test_a_name_that_leads_inside_is_not_asked(address: str) -> None:
    asked = WitnessClient("http://w.example.com/", allowed=AllowList(), resolve=lambda *_: [ipaddress.ip_address(address)])
    with pytest.raises(Unavailable, match="not public"):
        asked.add(b"")


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    both = [ipaddress.ip_address("93.184.216.34"), ipaddress.ip_address("10.0.0.7")]
    with pytest.raises(Unavailable, match=r"10\.0\.0\.7"):
        WitnessClient("http://w.example.com/", allowed=AllowList(), resolve=lambda *_: both).add(b"")


def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, str, object]] = []

    def handle(_transport: object, request: httpx.Request) -> httpx.Response:
        seen.append((request.url.host, request.headers["Host"], request.extensions["sni_hostname"]))
        return httpx.Response(200, text="ok")

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", handle)
    allowed = parse_allow_list(["10.0.0.0/8"])
    asked = WitnessClient("https://w.example.com/", allowed=allowed, resolve=lambda *_: [ipaddress.ip_address("10.0.0.7")])
    assert asked.add(b"").text == "ok"
    assert seen == [("10.0.0.7", "w.example.com", "w.example.com")]


@pytest.mark.parametrize("found", [OSError("no such name"), []])
def test_a_name_without_address_is_unavailable(found: OSError | list[ipaddress.IPv4Address]) -> None:
    def resolve(_host: str, _port: int) -> list[ipaddress.IPv4Address]:
        if isinstance(found, OSError):
            raise found
        return found

    with pytest.raises(Unavailable, match=r"w\.example\.com"):
        WitnessClient("http://w.example.com/", allowed=AllowList(), resolve=resolve).add(b"")
