"""What tests remember their subjects by."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["ColumnName", "RateName"]


class RateName(NamedTuple):
    """Identity of a stream of rates within its series."""

    family: str
    measure: str
    column: str


class ColumnName(NamedTuple):
    """Identity of a tested column within its series."""

    family: str
    column: str
