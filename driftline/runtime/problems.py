"""Errors over HTTP: RFC 9457 problem documents that name the field and the remedy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from driftline.errors import DriftlineError
from driftline.wording import own_words

__all__ = ["FieldFault", "Problem", "install_problems", "problem_response"]

MEDIA_TYPE = "application/problem+json"
_JSON = "application/json"
_TYPES = "https://driftline.dev/problems/"


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One field at fault: where, what, and what to do."""

    field: str
    detail: str
    remedy: str


class Problem(HTTPException, DriftlineError):
    """Raise it anywhere under a request; `code` is the machine's name of the error (`unknown_model`)."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        remedy: str | None = None,
        faults: Sequence[FieldFault] = (),
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        """Keep what the document will say; `extra` are further members of it."""
        # FastAPI lets an HTTPException pass that is raised while it reads a body.
        super().__init__(status, detail, headers)
        self.code = code
        self.remedy = remedy
        self.faults = tuple(faults)
        self.extra = dict(extra or {})


def problem_response(problem: Problem, instance: str, *, accept: str = "") -> JSONResponse:
    """Return the document: type, title, status, detail, instance, code, and remedy and errors if any.

    A client that accepts JSON only, such as amtool, gets the same document as that.
    """
    content: dict[str, object] = {
        "type": _TYPES + problem.code,
        "title": HTTPStatus(problem.status_code).phrase,
        "status": problem.status_code,
        "detail": problem.detail,
        "instance": instance,
        "code": problem.code,
    }
    if problem.remedy is not None:
        content["remedy"] = problem.remedy
    if problem.faults:
        content["errors"] = [{"field": fault.field, "detail": fault.detail, "remedy": fault.remedy} for fault in problem.faults]
    kind = _JSON if accept.strip().lower() == _JSON else MEDIA_TYPE
    return JSONResponse({**content, **problem.extra}, problem.status_code, headers=problem.headers, media_type=kind)


def install_problems(app: FastAPI) -> None:
    """Let every error of an application leave as a problem document."""

    @app.exception_handler(Problem)
    async def on_problem(request: Request, problem: Problem) -> JSONResponse:
        return problem_response(problem, request.url.path, accept=request.headers.get("accept", ""))

    @app.exception_handler(RequestValidationError)
    async def on_validation(request: Request, error: RequestValidationError) -> JSONResponse:
        return problem_response(_from_validation(error), request.url.path, accept=request.headers.get("accept", ""))

    @app.exception_handler(HTTPException)
    async def on_http(request: Request, error: HTTPException) -> JSONResponse:
        return problem_response(_from_http(error), request.url.path, accept=request.headers.get("accept", ""))

    @app.exception_handler(Exception)
    async def on_anything(request: Request, _error: Exception) -> JSONResponse:
        # The traceback goes to the log (uvicorn writes it); what leaves says nothing about the inside.
        detail = "an error on our side; the log of the service has the details"
        return problem_response(
            Problem(500, "internal_error", detail), request.url.path, accept=request.headers.get("accept", "")
        )


def _from_validation(error: RequestValidationError) -> Problem:
    faults = [
        FieldFault(
            field=".".join(str(part) for part in fault["loc"][1:]) or str(fault["loc"][0]),
            detail=own_words(str(fault["msg"])),
            remedy=_remedy(str(fault["type"]), fault),
        )
        for fault in error.errors()
    ]
    names = ", ".join(dict.fromkeys(fault.field for fault in faults))
    return Problem(422, "invalid_request", f"the request is not valid: {names}", faults=faults)


def _remedy(kind: str, fault: Mapping[str, object]) -> str:
    context = fault.get("ctx")
    expected = context.get("expected") if isinstance(context, Mapping) else None
    if kind == "missing":
        return "give this field a value"
    if kind == "extra_forbidden":
        return "leave this field out; it is not known here"
    if kind == "json_invalid":
        return "send one well-formed JSON document, with Content-Type: application/json"
    if expected is not None:
        return f"use one of {expected}"
    return "correct the value; the OpenAPI page (/docs) shows what is expected"


def _from_http(error: HTTPException) -> Problem:
    status = error.status_code
    code = HTTPStatus(status).phrase.lower().replace(" ", "_").replace("-", "_")
    remedies = {
        404: "the OpenAPI page (/docs) lists the paths",
        405: "the OpenAPI page (/docs) lists the methods",
    }
    return Problem(status, code, str(error.detail), remedy=remedies.get(status), headers=error.headers)
