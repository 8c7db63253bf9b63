"""The ledger for those who verify it: receipts, growth, signed head, and the log as C2SP tlog-tiles."""

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from driftline.ledger.checkpoint import Checkpoint
from driftline.ledger.errors import LedgerUnavailable, ProofInvalid
from driftline.ledger.store import LedgerStore, Snapshot, growth_of, receipt_of, signed_head
from driftline.ledger.tiles import WIDTH, Tile, entry_bundle, hash_tile, tile_at
from driftline.runtime.problems import Problem

TEXT = "text/plain; charset=utf-8"
FOR_EVER = {"Cache-Control": "max-age=31536000, immutable"}
BYTES: Any = {200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}}
NOTE: Any = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}


def routes(store: LedgerStore, *, may_view: Any, may_read: Any) -> APIRouter:
    """Return the routes of one ledger; `/checkpoint` and `/tile` stand where tlog-tiles wants them."""
    router = APIRouter(tags=["proofs"], default_response_class=Response)

    @router.get("/entries/{entry_id}/proof", dependencies=[may_read], responses=NOTE, summary="The receipt of one entry")
    def receipt(
        entry_id: UUID,
        *,
        payload: Annotated[bool, Query(description="with the payload, for whoever gets the receipt")] = False,
    ) -> Response:
        """Return a C2SP tlog-proof; check it with `driftline ledger check-receipt`."""
        with store.snapshot() as snapshot:
            entry = snapshot.entry(entry_id.bytes)
            if entry is None:
                raise Problem(404, "not_found", f"there is no entry {entry_id}")
            data = proven(lambda: receipt_of(snapshot, entry, payload=payload).encode())
        name = f'attachment; filename="entry-{entry.seq}.tlog-proof"'
        return Response(data, media_type=TEXT, headers={"Content-Disposition": name})

    @router.get("/growth", dependencies=[may_view], responses=NOTE, summary="Proof that the log only grew")
    def growth(old: Annotated[int, Query(ge=0, description="entries of the older signed head")]) -> Response:
        """Return a consistency proof to the newest signed head; check it with `driftline ledger check-growth`."""
        with store.snapshot() as snapshot:
            return Response(proven(lambda: growth_of(snapshot, old).encode()), media_type=TEXT)

    @router.get("/checkpoint", dependencies=[may_view], responses=NOTE, summary="The newest signed head, a C2SP note")
    def checkpoint() -> Response:
        with store.snapshot() as snapshot:
            return Response(_head(snapshot)[1], media_type=TEXT)

    # The leaves say who did what: they are not for everybody who may see the tree.
    @router.get("/tile/entries/{path:path}", dependencies=[may_read], responses=BYTES, summary="Leaves of the log")
    def entries(path: str) -> Response:
        with store.snapshot() as snapshot:
            tile = _tile(snapshot, f"entries/{path}")
            return _tile_response(tile, lambda: entry_bundle(snapshot.leaves(tile.first, tile.first + tile.width), tile))

    @router.get("/tile/{path:path}", dependencies=[may_view], responses=BYTES, summary="Hashes of the tree")
    def hashes(path: str) -> Response:
        with store.snapshot() as snapshot:
            tile = _tile(snapshot, path)
            return _tile_response(tile, lambda: hash_tile(snapshot.fetch_nodes(), tile))

    return router


def _head(snapshot: Snapshot) -> tuple[Checkpoint, str]:
    try:
        return signed_head(snapshot)
    except LedgerUnavailable as error:
        raise Problem(404, "not_found", "nothing is signed yet", remedy="come back when the ledger has an entry") from error


def proven(make: Callable[[], bytes]) -> bytes:
    """Return what can be proven; raises Problem 404 while nothing is signed, 409 for a ledger that was tampered with."""
    try:
        return make()
    except LedgerUnavailable as error:
        raise Problem(404, "not_found", str(error)) from error
    except ProofInvalid as error:
        raise Problem(409, "ledger_tampered", str(error), remedy="run `driftline ledger verify`") from error


def _tile(snapshot: Snapshot, path: str) -> Tile:
    """Only what is signed is served: a tile beyond would be believed without anybody answering for it."""
    tile = tile_at(path)
    if tile is None or not tile.exists(_head(snapshot)[0].size):
        raise Problem(404, "not_found", f"there is no tile {path} (yet)")
    return tile


def _tile_response(tile: Tile, make: Callable[[], bytes]) -> Response:
    data = proven(make)
    headers = FOR_EVER if tile.width == WIDTH else {}
    return Response(data, media_type="application/octet-stream", headers=headers)
