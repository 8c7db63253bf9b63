"""The one door to numba: explicit signatures, no lazy compilation in production, a cache that works anywhere.

numba's `cache=True` fails at import where neither the package nor the home directory can be written (a read-only
install). So the cache directory is chosen before the first kernel: `NUMBA_CACHE_DIR`, the user's cache, the
temporary directory, or none at all (then every start compiles, some seconds). A `NUMBA_CACHE_DIR` that holds kernels
but cannot be written (baked into an image by `python -m services.kernels`) is copied to the temporary directory.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core import config as numba_config

Function = TypeVar("Function", bound=Callable[..., Any])


def writable(directory: Path) -> bool:
    """Whether files can be made in a directory, which is made if it is missing."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=directory).close()
    except OSError:
        return False
    return True


def _own(directory: Path) -> bool:
    """Whether a directory is ours alone: kernels are machine code, never load them from where others can write."""
    facts = directory.stat()
    return facts.st_uid == os.getuid() and not facts.st_mode & 0o022


def choose_cache(environment: Mapping[str, str], *, temporary: Path) -> Path | None:
    """The directory for compiled kernels, None when nothing can be written."""
    given = environment.get("NUMBA_CACHE_DIR")
    if given and writable(Path(given)):
        return Path(given)
    home = environment.get("XDG_CACHE_HOME") or (environment.get("HOME") and f"{environment['HOME']}/.cache")
    if not given and home and writable(Path(home, "driftline", "kernels")):
        return Path(home, "driftline", "kernels")
    scratch = temporary / f"driftline-kernels-{os.getuid()}"
    if not writable(scratch) or not _own(scratch):
        return None
    if given:
        _copy(Path(given), scratch)
    return scratch


def _copy(source: Path, target: Path) -> None:
    """Copy the files of a tree, not its permissions."""
    for file in source.rglob("*"):
        if file.is_file():
            place = target / file.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)


def _prepare_cache() -> bool:
    chosen = choose_cache(os.environ, temporary=Path(tempfile.gettempdir()))
    if chosen is None:
        return False
    # A kernel compiled with bounds checks has the same cache key as one without.
    place = chosen / "checked" if numba_config.BOUNDSCHECK else chosen
    numba_config.CACHE_DIR = str(place)
    return True


_CACHED = _prepare_cache()


def cache_directory() -> str | None:
    """Where compiled kernels are kept, None when nothing can be written."""
    return str(numba_config.CACHE_DIR) if _CACHED else None


def compiled(signature: Any, *, inline: bool = False) -> Callable[[Function], Function]:
    """Compile a kernel for one explicit signature, without the GIL, cached on disk where that is possible.

    `inline` asks LLVM to put a small helper into its callers. `NUMBA_BOUNDSCHECK=1` checks every index (tests).
    """
    options: dict[str, Any] = {"nogil": True, "cache": _CACHED, "error_model": "numpy"}
    # Without reference counts: counting the arrays that helpers pass on costs ten times the work itself.
    # The price: a kernel allocates nothing, its caller hands it the arrays to fill.
    options["_nrt"] = False
    if inline:
        options["forceinline"] = True

    def decorate(function: Function) -> Function:
        kernel: Function = numba.njit(signature, **options)(function)
        return kernel

    return decorate
