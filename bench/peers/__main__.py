"""`python -m bench.peers [NAME ...]`: make the environments of the peers."""

import subprocess
import sys
from pathlib import Path

from bench.peers import HOME, NAMES, interpreter


def main(names: list[str]) -> None:
    """Make those that are named, all by default, by uv from their locks."""
    for name in names or NAMES:
        lock = Path(__file__).with_name(f"{name}.lock")
        subprocess.run(["uv", "venv", "--quiet", "--clear", str(HOME / name)], check=True)
        subprocess.run(["uv", "pip", "sync", "--quiet", "--python", str(interpreter(name)), str(lock)], check=True)
        print(f"{name}: {HOME / name}")


if __name__ == "__main__":
    main(sys.argv[1:])
