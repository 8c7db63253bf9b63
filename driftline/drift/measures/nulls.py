"""Shares of rows without a usable value."""

from __future__ import annotations

__all__ = ["rate"]


def rate(cell: int, rows: int) -> float | None:
    """Return the share of `rows` that fall into one cell (null, NaN, unseen); None without rows."""
    if rows <= 0:
        return None
    return cell / rows
