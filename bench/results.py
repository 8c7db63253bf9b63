"""What a benchmark hands back: figures, each beside its peer or limit of the same run."""

from typing import TypedDict

__all__ = ["Result", "result"]


class Result(TypedDict):
    """One line of the table, and of `results.json`."""

    name: str
    value: float | None
    unit: str
    peer: str
    peer_value: float | None
    ratio: float | None
    """How many times the peer's value; None without one."""


def result(
    name: str, value: float | None, unit: str, peer: str = "", peer_value: float | None = None, *, ratio: float | None = None
) -> Result:
    """A result; `ratio` is given where it is one of pairs of rounds instead of the two figures."""
    if ratio is None and value is not None and peer_value:
        ratio = value / peer_value
    return {"name": name, "value": value, "unit": unit, "peer": peer, "peer_value": peer_value, "ratio": ratio}
