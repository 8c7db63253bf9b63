"""Driftline: a monitor for machine-learning models in production."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from driftline.backtest.frames import compare, detector, profile

__all__ = ["__version__", "compare", "detector", "profile"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """`profile`, `compare` and `detector` for notebooks, imported when first asked for: they need the extra `drift`."""
    if name not in __all__:
        raise AttributeError(f"driftline has no {name!r}")
    try:
        from driftline.backtest import frames
    except ModuleNotFoundError as missing:
        message = f"driftline.{name} needs the package {missing.name!r}: pip install 'driftline[drift]'"
        raise ImportError(message) from missing
    return getattr(frames, name)
