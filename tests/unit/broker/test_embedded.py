"""Parts of the embedded broker that need no broker."""

from __future__ import annotations

import itertools
import uuid

from driftline.broker import embedded


def test_a_cluster_id_never_looks_like_an_option(monkeypatch):
    dashed, plain = uuid.UUID(bytes=b"\xfb" + bytes(15)), uuid.UUID(bytes=b"\x01" + bytes(15))
    given = itertools.chain([dashed, dashed], itertools.repeat(plain))
    monkeypatch.setattr(uuid, "uuid4", lambda: next(given))
    assert embedded._cluster_id() == "AQAAAAAAAAAAAAAAAAAAAA"
