"""Style, script and plotly, each under a name that changes with its content, so that browsers may keep them for ever.

plotly.min.js comes from the installed package; each file is compressed once, when it is first asked for.
"""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.responses import Response

from driftline.runtime.problems import Problem

_FOLDER = Path(__file__).resolve().parents[1] / "static"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(slots=True)
class _Asset:
    body: bytes
    media_type: str
    packed: bytes | None = None

    def pack(self) -> bytes:
        """The body compressed; two requests at once may both do the work, with the same result."""
        if self.packed is None:
            self.packed = gzip.compress(self.body, 6, mtime=0)
        return self.packed


class Assets:
    """The files that pages refer to; `url` of each is for the templates."""

    def __init__(self) -> None:
        contents = {path.name: path.read_bytes() for path in _FOLDER.iterdir() if path.suffix in _TYPES}
        contents["plotly.js"] = files("plotly").joinpath("package_data", "plotly.min.js").read_bytes()
        self._assets: dict[str, _Asset] = {}
        self.url: dict[str, str] = {}
        for name, body in contents.items():
            stem, dot, suffix = name.rpartition(".")
            hashed = f"{stem}.{hashlib.sha256(body).hexdigest()[:12]}{dot}{suffix}"
            self._assets[hashed] = _Asset(body, _TYPES[dot + suffix])
            self.url[name] = f"/static/{hashed}"

    def routes(self) -> APIRouter:
        """`/static`: open to everybody, since it holds no data."""
        router = APIRouter(include_in_schema=False)

        @router.get("/static/{name}")
        def static(name: str, accept_encoding: Annotated[str, Header()] = "") -> Response:
            asset = self._assets.get(name)
            if asset is None:
                raise Problem(404, "not_found", f"there is no file {name!r}", remedy="load the page again")
            headers: Mapping[str, str] = {"Cache-Control": _FOR_EVER, "Vary": "Accept-Encoding"}
            if "gzip" in accept_encoding:
                return Response(asset.pack(), media_type=asset.media_type, headers={**headers, "Content-Encoding": "gzip"})
            return Response(asset.body, media_type=asset.media_type, headers=dict(headers))

        return router
