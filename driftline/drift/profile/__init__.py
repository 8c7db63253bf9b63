"""Additive profiles: what the numbers mean, how rows become counts, how counts travel and add."""

from driftline.drift.profile.cuts import ALL_ROWS, Cut
from driftline.drift.profile.layout import Block, BlockKind, Layout, Shape
from driftline.drift.profile.pairs import PairLayout
from driftline.drift.profile.panes import Granularity, Unit, pane_start, pane_us
from driftline.drift.profile.partial import Partial
from driftline.drift.profile.profile import Accumulator, Profile
from driftline.drift.profile.readings import read_columns
from driftline.drift.profile.reservoir import Reservoir, ReservoirAccumulator
from driftline.drift.profile.sampler import Sampler
from driftline.drift.profile.tally import PairCodes, SliceCodes, Tally, latest_by_source, portions, profile_rows
from driftline.drift.profile.wire import MalformedProfile

__all__ = [
    "ALL_ROWS",
    "Accumulator",
    "Block",
    "BlockKind",
    "Cut",
    "Granularity",
    "Layout",
    "MalformedProfile",
    "PairCodes",
    "PairLayout",
    "Partial",
    "Profile",
    "Reservoir",
    "ReservoirAccumulator",
    "Sampler",
    "Shape",
    "SliceCodes",
    "Tally",
    "Unit",
    "latest_by_source",
    "pane_start",
    "pane_us",
    "portions",
    "profile_rows",
    "read_columns",
]
