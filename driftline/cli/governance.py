"""The governance service as the command line speaks to it: HTTP with a bearer token, problem documents turned into sentences."""

import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx
import typer

from driftline.errors import ConfigurationError, DriftlineError, Unavailable

DEFAULT_URL = "http://127.0.0.1:8085"
TIMEOUT_SECONDS = 30.0


class Refused(DriftlineError):
    """The service understood and refused; `status` is the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def connect() -> httpx.Client:
    """A client of DRIFTLINE_GOVERNANCE_URL with DRIFTLINE_TOKEN. Raises ConfigurationError without a token."""
    token = os.environ.get("DRIFTLINE_TOKEN", "").strip()
    if not token:
        raise ConfigurationError("DRIFTLINE_TOKEN is not set; create a token with `driftline token create` and export it")
    url = os.environ.get("DRIFTLINE_GOVERNANCE_URL", DEFAULT_URL).rstrip("/")
    try:
        return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=TIMEOUT_SECONDS)
    except (httpx.InvalidURL, ValueError) as error:
        raise ConfigurationError(f"DRIFTLINE_GOVERNANCE_URL is no URL: {error}") from error


def call(client: httpx.Client, method: str, path: str, **options: Any) -> tuple[int, Any]:
    """Status and JSON of a request. Raises Refused with the service's own words, Unavailable where nobody answers."""
    try:
        response = client.request(method, path, **options)
    except httpx.HTTPError as error:
        message = f"governance does not answer at {client.base_url} ({error}); is it up, and is DRIFTLINE_GOVERNANCE_URL right?"
        raise Unavailable(message) from error
    try:
        body = response.json()
    except json.JSONDecodeError:
        body = None
    if response.is_success:
        return response.status_code, body
    raise Refused(response.status_code, _sentence(response.status_code, body))


def path_of(*parts: str) -> str:
    """A path below /v1 of parts that may hold any character."""
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)


def show(value: object) -> None:
    """Print a value as JSON for programs."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _sentence(status: int, body: object) -> str:
    if not isinstance(body, Mapping):
        return f"governance answered {status}; is DRIFTLINE_GOVERNANCE_URL the governance service?"
    detail = str(body.get("detail") or body.get("title") or f"governance answered {status}")
    faults = [_fault(item) for item in body.get("errors") or () if isinstance(item, Mapping)]
    return "\n  ".join([detail, *faults])


def _fault(item: Mapping[str, object]) -> str:
    place = ": ".join(
        str(part) for part in (f"line {item['line']}" if item.get("line") else "", item.get("field") or "") if part
    )
    return f"{place}: {item.get('detail')}" if place else str(item.get("detail"))
