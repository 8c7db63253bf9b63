"""What the workers counted, and whether that is what was sent: panes, windows, transactions that came to nothing."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np

from driftline.drift.profile import Layout, Profile
from driftline.events import Part, ProfileSet, Progress, WindowReport
from tests.chaos.playground import Playground
from tests.chaos.traffic import BASELINE, DAY, HOUR, MONITOR, Expected

LAYOUT = Layout.of(MONITOR, BASELINE)


def pane_sums(playground: Playground) -> dict[tuple[str, int, Part], Profile]:
    """All profiles that were committed, added."""
    found: dict[tuple[str, int, Part], list[Profile]] = defaultdict(list)
    for event in playground.events("profiles"):
        if isinstance(event, ProfileSet):
            for pane in event.panes:
                found[event.model_version, pane.pane, pane.part].append(Profile.from_event(LAYOUT, pane))
    return {key: Profile.total(LAYOUT.shape(key[2]), profiles) for key, profiles in found.items()}


def wrong_panes(sums: dict[tuple[str, int, Part], Profile], expected: Expected) -> list[str]:
    """Every cell of inputs and pairs that is not what counting the stream gives."""
    wrong = []
    if (panes := {(v, p) for v, p, part in sums if part is Part.INPUTS}) != set(expected.rows):
        wrong.append(f"panes {panes ^ set(expected.rows)}")
    for (version, pane, part), profile in sums.items():
        place = (version, pane)
        if part is Part.INPUTS:
            if profile.rows != expected.rows[place]:
                wrong.append(f"rows of {place}: {profile.rows} for {expected.rows[place]}")
            origin = profile.cells[LAYOUT.by_column["origin"].cells].tolist()
            names = (None, "LGA", *LAYOUT.by_column["origin"].categories)
            if origin != [expected.origins[(*place, str(name))] for name in names]:
                wrong.append(f"origins of {place}")
            if profile.cells[LAYOUT.by_column["wind"].cells].tolist() != winds(expected, place):
                wrong.append(f"winds of {place}")
        else:
            cells = LAYOUT.pairs.confusion(profile.cells)[:2, :2].tolist()
            hand = [[expected.pairs[version, pane, part, p, a] for a in LAYOUT.classes] for p in LAYOUT.classes]
            if cells != hand or profile.rows != sum(map(sum, hand)):
                wrong.append(f"{part} pairs of {place}: {cells} for {hand}")
    pairs = Counter(dict.fromkeys(Part, 0))
    for (_, _, part), profile in sums.items():
        pairs[part] += profile.rows
    for part in (Part.IN_TIME, Part.LATER):
        hand_total = sum(n for key, n in expected.pairs.items() if key[2] is part)
        if pairs[part] != hand_total:
            wrong.append(f"{part} pairs: {pairs[part]} for {hand_total}")
    return wrong


def winds(expected: Expected, place: tuple[str, int]) -> list[int]:
    """null, NaN, below, fine cells, above, by hand."""
    block = LAYOUT.by_column["wind"]
    values = np.array(expected.winds[place])
    inside = values[(values >= block.minimum) & (values <= block.maximum)]
    fine = np.bincount(np.searchsorted(block.edges, inside, side="right"), minlength=len(block.edges) + 1)
    nulls = expected.rows[place] - len(values)
    return [nulls, 0, int((values < block.minimum).sum()), *fine.tolist(), int((values > block.maximum).sum())]


def latest_windows(playground: Playground) -> dict[tuple[str, str, int], WindowReport]:
    found: dict[tuple[str, str, int], WindowReport] = {}
    for report in playground.events("windows"):
        key = (report.model_version, report.granularity, report.start)
        if key not in found or found[key].revision < report.revision:
            found[key] = report
    return found


def window_counts(expected: Expected) -> dict[tuple[str, str, int], tuple[int, int, int]]:
    """n, pairs in time, pairs later, of every window."""
    counts: dict[tuple[str, str, int], list[int]] = defaultdict(lambda: [0, 0, 0])
    for granularity, length in (("1 hour", HOUR), ("1 day", DAY)):
        for (version, pane), n in expected.rows.items():
            counts[version, granularity, pane // length * length][0] += n
        for (version, pane, part, _, _), n in expected.pairs.items():
            counts[version, granularity, pane // length * length][1 if part is Part.IN_TIME else 2] += n
    return {key: (n, in_time, later) for key, (n, in_time, later) in counts.items()}


def wrong_windows(playground: Playground, sums: dict[tuple[str, int, Part], Profile]) -> list[str]:
    """Windows whose input cells or in-time pairs are not those of their panes."""
    wrong = []
    for (version, granularity, start), report in latest_windows(playground).items():
        panes = range(start, start + (HOUR if granularity == "1 hour" else DAY), HOUR)
        for part, cells in ((Part.INPUTS, report.cells), (Part.IN_TIME, report.label_cells)):
            parts = [sums[version, pane, part] for pane in panes if (version, pane, part) in sums]
            whole = Profile.total(LAYOUT.shape(part), parts)
            if not Profile.decode(LAYOUT, part, whole.rows, cells, b"").same_counts(whole):
                wrong.append(f"{part} of {version} {granularity} {start}")
    return wrong


def aborted_transactions(playground: Playground) -> int:
    """Transactions of stage 1 whose progress reached the log and was never committed."""

    def marks(isolation: str) -> Counter[Progress]:
        return Counter(e for e in playground.events("profiles", isolation=isolation) if isinstance(e, Progress))

    lost = marks("read_uncommitted") - marks("read_committed")
    return len({(each.group, each.writer, each.ranges) for each in lost})
