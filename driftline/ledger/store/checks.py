"""What the doctor says of one protection."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Check"]


@dataclass(frozen=True, slots=True)
class Check:
    """One protection: its name, whether it holds, and what was seen (with what to do about it)."""

    name: str
    healthy: bool
    detail: str
