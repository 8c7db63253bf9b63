"""Which URLs of Apprise can be sent to is known before anything is sent, and without a network."""

import pytest

from driftline.runtime.apprise_urls import apprise_url


@pytest.mark.parametrize("url", ["json://host.example.com/path", "ntfy://topic"])
def test_what_apprise_knows_is_taken(url: str) -> None:
    assert apprise_url(url) == url


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("no-url", "must be a URL of Apprise"),
        ("nosuch://secret", "is no URL that Apprise understands"),
        ("discord://secret", "is no URL that Apprise understands"),
        ("mailto://secret:word@example.com", "not reached over HTTP"),
    ],
)
def test_what_it_does_not_know_is_refused_without_quoting_it(url: str, said: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        apprise_url(url)
    assert "secret" not in str(refused.value) + "".join(capfd.readouterr())
