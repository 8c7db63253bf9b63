"""A service as the command line speaks to it: HTTP with a bearer token, problem documents turned into sentences."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from driftline.errors import ConfigurationError, DriftlineError, Unavailable

__all__ = ["ALERTING", "CONSOLE", "DRIFT", "GOVERNANCE", "Refused", "Service", "path_of"]

Parameter = str | int | float | bool | None

TIMEOUT_SECONDS = 30.0


class Refused(DriftlineError):
    """The service understood and refused; `status` is the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Service:
    """Who is asked, and where: the environment variable named here, else the port that `make up` gives it."""

    name: str
    url_variable: str
    default_url: str

    def connect(self) -> httpx.Client:
        """A client with the token of DRIFTLINE_TOKEN, if it is set: some services ask for none. Raises ConfigurationError."""
        token = os.environ.get("DRIFTLINE_TOKEN", "").strip()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = os.environ.get(self.url_variable, self.default_url).rstrip("/")
        try:
            return httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_SECONDS)
        except (httpx.InvalidURL, ValueError) as error:
            raise ConfigurationError(f"{self.url_variable} is no URL: {error}") from error

    def call(
        self, client: httpx.Client, method: str, path: str, *, params: Mapping[str, Parameter] | None = None, **options: Any
    ) -> tuple[int, Any]:
        """Status and JSON of a request; `params` that are None are not sent.

        Raises Refused with the service's own words, ConfigurationError where a token is asked for and none is set, Unavailable
        where nobody answers.
        """
        given = {name: value for name, value in (params or {}).items() if value is not None}
        try:
            response = client.request(method, path, params=given, **options)
        except httpx.HTTPError as error:
            message = f"{self.name} does not answer at {client.base_url} ({error}); is it up, and is {self.url_variable} right?"
            raise Unavailable(message) from error
        try:
            body = response.json()
        except json.JSONDecodeError:
            body = None
        if response.is_success and body is not None:
            return response.status_code, body
        if response.status_code == httpx.codes.UNAUTHORIZED and "Authorization" not in response.request.headers:
            raise ConfigurationError("DRIFTLINE_TOKEN is not set; create a token with `driftline token create` and export it")
        raise Refused(response.status_code, self._sentence(response.status_code, body))

    def _sentence(self, status: int, body: object) -> str:
        if not isinstance(body, Mapping) or body == {"detail": "Not Found"}:  # no page of that service
            return f"{self.name} answered {status}; does {self.url_variable} name the {self.name} service?"
        detail = str(body.get("detail") or body.get("title") or f"{self.name} answered {status}")
        faults = [_fault(item) for item in body.get("errors") or () if isinstance(item, Mapping)]
        return "\n  ".join([detail, *faults])


ALERTING = Service("alerting", "DRIFTLINE_ALERTING_URL", "http://127.0.0.1:8083")
CONSOLE = Service("console", "DRIFTLINE_CONSOLE_URL", "http://127.0.0.1:8080")
DRIFT = Service("drift", "DRIFTLINE_DRIFT_URL", "http://127.0.0.1:8082")
GOVERNANCE = Service("governance", "DRIFTLINE_GOVERNANCE_URL", "http://127.0.0.1:8085")


def path_of(*parts: str) -> str:
    """A path below /v1 of parts that may hold any character."""
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)


def _fault(item: Mapping[str, object]) -> str:
    place = ": ".join(
        str(part) for part in (f"line {item['line']}" if item.get("line") else "", item.get("field") or "") if part
    )
    return f"{place}: {item.get('detail')}" if place else str(item.get("detail"))
