"""C2SP tlog-witness over HTTP."""

from hashlib import sha256
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Request, Response

from driftline.ledger.errors import LedgerUnavailable
from driftline.runtime.problems import Problem
from services.audit.witness import metrics
from services.audit.witness.cosigning import NotCosigned, Witness

TEXT = "text/plain; charset=utf-8"
SIZE = "text/x.tlog.size"
NOTE: Any = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}
TAKES_TEXT: Any = {"requestBody": {"content": {"text/plain": {"schema": {"type": "string"}}}, "required": True}}
TITLES = {400: "invalid_request", 403: "not_signed", 404: "unknown_log", 422: "not_consistent"}

log = structlog.get_logger("driftline.witness")


def routes(witness: Witness) -> APIRouter:
    """Return the routes; no tokens: what is not signed by a known log is refused."""
    router = APIRouter(tags=["witness"], default_response_class=Response)
    by_hash = {sha256(origin.encode()).hexdigest(): origin for origin in witness.origins}

    @router.post("/add-checkpoint", responses=NOTE, openapi_extra=TAKES_TEXT, summary="Cosign a head")
    def add_checkpoint(body: Annotated[bytes, Depends(_body)]) -> Response:
        """Take `old SIZE`, a consistency proof, an empty line and a signed head; return cosignature lines."""
        try:
            head, lines = witness.add_checkpoint(body)
        except NotCosigned as refusal:
            metrics.REQUESTS.labels(code=str(refusal.code)).inc()
            return _refused(refusal)
        except LedgerUnavailable as error:
            metrics.REQUESTS.labels(code="503").inc()
            raise Problem(503, "unavailable", str(error), remedy="try again") from error
        metrics.REQUESTS.labels(code="200").inc()
        metrics.SIZE.labels(log=head.origin).set(head.size)
        return Response(lines, media_type=TEXT)

    @router.get("/{origin_hash}/checkpoint", responses=NOTE, summary="The largest head of a log that was cosigned")
    def checkpoint(origin_hash: str) -> Response:
        """Ask the witness itself, by the SHA-256 of the origin in hex: a log cannot hide what it showed here."""
        origin = by_hash.get(origin_hash)
        note = None if origin is None else witness.latest(origin)
        if note is None:
            raise Problem(404, "not_found", "no head of such a log was cosigned here")
        return Response(note, media_type=TEXT)

    return router


async def _body(request: Request) -> bytes:
    """The body as it came, whatever it calls itself."""
    return await request.body()


def _refused(refusal: NotCosigned) -> Response:
    """Say no; 409 has the size in its body and nothing else, as the protocol wants."""
    log.warning("not cosigned", code=refusal.code, detail=str(refusal))
    if refusal.code == 409:
        return Response(f"{refusal.size}\n", 409, headers={"Content-Type": SIZE})
    raise Problem(refusal.code, TITLES[refusal.code], str(refusal))
