"""`python -m services.kernels [SERVICE ...]`: compile the kernels of services into the cache, all by default.

Each service would do so itself when it first starts; several that start at once would all compile the same.
"""

import importlib
import sys
from collections.abc import Mapping, Sequence

KERNELS: Mapping[str, Sequence[str]] = {
    "ingest": ("driftline.avro.kernels", "driftline.validation.kernels", "services.ingest.api.recoding"),
    "drift": (
        "driftline.avro.kernels",
        "driftline.validation.kernels",
        "driftline.drift.profile.kernels",
        "driftline.drift.profile.wire",
        "driftline.drift.labels.index",
        "driftline.drift.labels.recent",
    ),
    "audit": ("driftline.ledger.lanes", "driftline.ledger.leaves"),
}
"""Modules with kernels: importing one compiles it. Services without any are not named."""


def main(services: Sequence[str]) -> int:
    """Exit 0 when the kernels are in the cache, 2 when there is no directory that they could be written to."""
    modules = [module for service in services or KERNELS for module in KERNELS.get(service, ())]
    for module in modules:
        importlib.import_module(module)
    if modules and importlib.import_module("driftline.avro.jit").cache_directory() is None:
        sys.stderr.write("no directory for compiled kernels can be written: set NUMBA_CACHE_DIR\n")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
