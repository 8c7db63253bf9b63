"""Stage 2: clocks, panes, windows, the two decisions on each, revisions, and all of its state as values."""

from driftline.drift.windows.evaluate import Counters, Evaluator, Output
from driftline.drift.windows.notices import Notices
from driftline.drift.windows.rules import Book, Rules, UnknownMonitor
from driftline.drift.windows.state import State
from driftline.drift.windows.stored import MalformedState, key_bytes, key_of, restore, take_changes

__all__ = [
    "Book",
    "Counters",
    "Evaluator",
    "MalformedState",
    "Notices",
    "Output",
    "Rules",
    "State",
    "UnknownMonitor",
    "key_bytes",
    "key_of",
    "restore",
    "take_changes",
]
