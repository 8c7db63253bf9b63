"""The detectors of river, without all that river would import beside them."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import cast

__all__ = ["river_detectors"]

_UNWANTED = "sklearn"


def river_detectors() -> ModuleType:
    """Return `river.drift`, imported when first asked for.

    It imports river's data sets, and those scikit-learn where that is installed: seconds and 70 MB for one converter that
    no detector needs. For as long as the import takes it is therefore as if it were not installed.
    """
    hidden = "river.drift" not in sys.modules and _UNWANTED not in sys.modules
    if hidden:
        sys.modules[_UNWANTED] = None  # type: ignore[assignment]  # makes its import fail, as Python's reference has it
    try:
        import river.drift
    finally:
        if hidden:
            del sys.modules[_UNWANTED]
    return cast("ModuleType", river.drift)
