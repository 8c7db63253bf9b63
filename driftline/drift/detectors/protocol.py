"""What every detector that runs over decided windows has in common."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Detector", "MalformedState", "Verdict", "pack", "unpack"]

Pane_contra = TypeVar("Pane_contra", contravariant=True)
FORMAT = 1
"""Version of the stored states. A state of another version is refused: drop it, and the detector begins anew."""


class MalformedState(ValueError):
    """Bytes that no detector of this version wrote. Drop them and begin anew: only the memory of the past is lost."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a detector says of one more pane."""

    detected: bool
    """A change that it is asked to tell."""
    value: float | None = None
    """The level now: what a person compares with `before`."""
    before: float | None = None
    """The level since the last change, this pane left out; None at the beginning."""
    p_value: float | None = None
    """Where the detector has one."""


class Detector(Protocol[Pane_contra]):
    """A detector over one ordered series of panes. Its verdicts are a function of what it was fed since it was made.

    `to_bytes` is the whole state: `restore(to_bytes())` continues with the same verdicts, at any point.
    """

    def observe(self, pane: Pane_contra) -> Verdict:
        """Take one more pane."""
        ...

    def to_bytes(self) -> bytes:
        """The state: a line of JSON, then float64 little-endian."""
        ...


def pack(kind: str, numbers: NDArray[np.float64], **header: Any) -> bytes:
    """The bytes of a state."""
    line = json.dumps({"format": FORMAT, "kind": kind, **header}, sort_keys=True, separators=(",", ":"))
    return line.encode() + b"\n" + numbers.astype("<f8").tobytes()


def unpack(data: bytes) -> tuple[dict[str, Any], NDArray[np.float64]]:
    """Header and numbers of a state. Raises MalformedState."""
    line, _, rest = data.partition(b"\n")
    try:
        header = json.loads(line)
        numbers = np.frombuffer(rest, "<f8").astype(np.float64)
    except ValueError as error:
        message = f"no state of a detector: {error}"
        raise MalformedState(message) from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        found = header.get("format") if isinstance(header, dict) else None
        message = f"the state has format {found}, this version reads {FORMAT}"
        raise MalformedState(message)
    return header, numbers
