"""`python -m driftline.avro.warm`: compile every kernel into the cache, for the build of an image."""

from __future__ import annotations

import sys

from driftline.avro import compile_schema
from driftline.avro.jit import cache_directory


def warm() -> str | None:
    """Compile all kernels (importing them does) and run one; the cache directory, None when none can be written."""
    program = compile_schema({"type": "record", "name": "Warm", "fields": [{"name": "id", "type": "string"}]})
    if not program.decode([b"\x02x"]).ok.all():
        raise RuntimeError("the compiled decoder refuses a valid message: clear the cache of kernels")
    return cache_directory()


def main() -> int:
    """Exit 0 when the kernels are in the cache, 2 when there is no directory that they could be written to."""
    directory = warm()
    if directory is None:
        sys.stderr.write("no directory for compiled kernels can be written: set NUMBA_CACHE_DIR\n")
        return 2
    sys.stdout.write(f"kernels compiled into {directory}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
