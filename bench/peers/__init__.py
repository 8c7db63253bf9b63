"""Peers that do not resolve with us: an environment of their own each, locked beside this file, run as processes.

`python -m bench.peers` makes them (a minute each, 1 GB in all) under `.driftline/peers`, or under DRIFTLINE_PEERS. A benchmark says which
peers it went without. To renew a lock: `uv pip compile --generate-hashes --no-header --no-emit-index-url NAME.in -o NAME.lock`.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

__all__ = ["HOME", "NAMES", "interpreter", "told"]

_HERE = Path(__file__).resolve().parent
HOME = Path(os.environ.get("DRIFTLINE_PEERS", _HERE.parents[1] / ".driftline" / "peers"))
NAMES = tuple(sorted(path.stem for path in _HERE.glob("*.lock")))
_QUIET = {"NML_DISABLE_USAGE_LOGGING": "1", "DO_NOT_TRACK": "1"}


def interpreter(name: str) -> Path:
    """Where the Python of a peer is, or would be."""
    return HOME / name / "bin" / "python"


def told(name: str, script: str, *arguments: object) -> dict[str, Any] | None:
    """What a script of this folder prints as its last line (JSON), run by a peer's Python; None where the peer is not there."""
    if not interpreter(name).exists():
        return None
    command = [str(interpreter(name)), str(_HERE / script), name, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | _QUIET)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
