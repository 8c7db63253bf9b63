"""Peak resident memory of a running process, from the kernel's own high-water mark."""

from __future__ import annotations

from pathlib import Path

__all__ = ["peak_rss_bytes"]


def peak_rss_bytes(pid: int) -> int | None:
    """Return the peak so far in bytes; None where the process is gone or there is no /proc."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return None
