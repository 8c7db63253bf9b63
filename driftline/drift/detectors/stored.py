"""From the bytes of a state to the detector that wrote them."""

from __future__ import annotations

from typing import Any

from driftline.drift.detectors import kswin, moments
from driftline.drift.detectors.protocol import Detector, MalformedState, unpack
from driftline.drift.detectors.sequential import Kind, Sequential

__all__ = ["restore"]


def restore(data: bytes) -> Detector[Any]:
    """The detector that `to_bytes` wrote: it continues with the same verdicts. Raises MalformedState."""
    header, numbers = unpack(data)
    kind = header.get("kind")
    if kind == kswin.KIND:
        return kswin.KsWin.of(header, numbers.tolist())
    if kind == moments.KIND:
        return moments.MomentShift.of(header, numbers.tolist())
    if kind in list(Kind):
        return Sequential.of(header, numbers.tolist())
    message = f"no detector is called {kind!r}"
    raise MalformedState(message)
