"""The command `driftline` run in this process, and what its services answer."""

from collections.abc import Callable

import httpx
import pytest

from driftline import cli
from driftline.cli.service import Service

Answer = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run `driftline WORDS`: exit code, standard output, standard error."""

    def run(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            cli.main([str(word) for word in words])
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answer], list[httpx.Request]]:
    """Have every service answer as a function says; what it was asked is in the list."""

    def let(answer: Answer) -> list[httpx.Request]:
        asked = []

        def service(request: httpx.Request) -> httpx.Response:
            asked.append(request)
            return answer(request)

        transport = httpx.MockTransport(service)
        monkeypatch.setattr(Service, "connect", lambda _: httpx.Client(base_url="http://service", transport=transport))
        return asked

    return let


@pytest.fixture
def ask(
    command: Callable[..., tuple[int, str, str]], answering: Callable[[Answer], list[httpx.Request]]
) -> Callable[..., tuple[int, str, str, list[httpx.Request]]]:
    """Run a command while every service gives this one answer; what it was asked comes last."""

    def run(status: int, body: object, *words: object) -> tuple[int, str, str, list[httpx.Request]]:
        asked = answering(lambda _: httpx.Response(status, json=body))
        return *command(*words), asked

    return run
