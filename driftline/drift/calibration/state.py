"""What judging remembers between windows, and its bytes on the topic `states`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from driftline.drift.calibration.alarms import Reason
from driftline.drift.calibration.dispersion import Calm
from driftline.drift.calibration.e_process import Stream
from driftline.drift.calibration.lasting import Course
from driftline.drift.calibration.multiplicity import Wealth
from driftline.drift.calibration.names import ColumnName, RateName
from driftline.drift.risk import Violations

__all__ = ["FORMAT", "MalformedJudgement", "Past", "Sequence", "Sequences", "State", "Terms"]

FORMAT = 1


class MalformedJudgement(ValueError):
    """Bytes that this version did not write: the topic `states` was written by a newer one, or is damaged."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """One alpha sequence within its period."""

    period: int = 0
    """30 days of event time since 1970, counted from 0; a later one begins with a fresh budget."""
    wealth: Wealth = field(default_factory=Wealth)


@dataclass(frozen=True, slots=True)
class Sequences:
    """Of one model and granularity, over all its versions and slices."""

    families: Mapping[str, Sequence] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Return the same bytes for the same state."""
        families = {
            name: [one.period, one.wealth.tests, list(one.wealth.rejections), one.wealth.forgotten]
            for name, one in self.families.items()
        }
        return _bytes({"families": families})

    @staticmethod
    def from_bytes(data: bytes) -> Sequences:
        """Read them back. Raises MalformedJudgement."""
        body = _body(data)
        try:
            return Sequences(
                {
                    name: Sequence(period, Wealth(tests, tuple(rejections), forgotten))
                    for name, (period, tests, rejections, forgotten) in body["families"].items()
                }
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise MalformedJudgement(f"the alpha sequences cannot be read: {error!r}") from error


@dataclass(frozen=True, slots=True)
class Past:
    """Of one model version, slice and granularity."""

    streams: Mapping[RateName, Stream] = field(default_factory=dict)
    calm: Mapping[str, Calm] = field(default_factory=dict)
    """Over-dispersion by column, learned from the first windows."""
    courses: Mapping[ColumnName, Course] = field(default_factory=dict)
    """Evidence of lasting shifts by column."""
    windows: Mapping[int, Violations] = field(default_factory=dict)
    """Of `policy: classic`: failing checks by start of the window, seven days back."""

    def to_bytes(self) -> bytes:
        """Return the same bytes for the same state."""
        streams = [[*name, list(one.wealth), one.alarmed] for name, one in sorted(self.streams.items())]
        calm = {name: [list(one.counts), one.compared, one.ratios] for name, one in self.calm.items()}
        courses = [[*name, one.shares.hex(), list(one.wealth), one.alarmed] for name, one in sorted(self.courses.items())]
        windows = [[start, dict(found)] for start, found in sorted(self.windows.items())]
        return _bytes({"streams": streams, "calm": calm, "courses": courses, "windows": windows})

    @staticmethod
    def from_bytes(data: bytes) -> Past:
        """Read it back. Raises MalformedJudgement."""
        body = _body(data)
        try:
            return Past(
                {
                    RateName(family, measure, column): Stream(tuple(wealth), alarmed)
                    for family, measure, column, wealth, alarmed in body["streams"]
                },
                {name: Calm(tuple(counts), compared, ratios) for name, (counts, compared, ratios) in body["calm"].items()},
                {
                    ColumnName(family, column): Course(bytes.fromhex(shares), tuple(wealth), alarmed)
                    for family, column, shares, wealth, alarmed in body.get("courses", ())
                },
                {start: dict(found) for start, found in body["windows"]},
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise MalformedJudgement(f"the past of a series cannot be read: {error!r}") from error


@dataclass(frozen=True, slots=True)
class State:
    """What `judge` needs of the past, and gives back changed."""

    sequences: Sequences = field(default_factory=Sequences)
    past: Past = field(default_factory=Past)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a decision was held to: with it, a verdict is a function of the counts alone."""

    levels: Mapping[str, float] = field(default_factory=dict)
    """By family: p-values at or below it reject."""
    dispersions: Mapping[str, float] = field(default_factory=dict)
    """By column, where it is more than 1."""
    rates: Mapping[RateName, Reason] = field(default_factory=dict)
    """Rates in alarm."""
    bets: Mapping[str, bytes] = field(default_factory=dict)
    """By family: `lasting.pack` of what its columns were held to, in the order of their names."""

    def joined(self, later: Terms) -> Terms:
        """Return the terms of both decisions of a window, which concern different families and columns."""
        return Terms(
            {**self.levels, **later.levels},
            {**self.dispersions, **later.dispersions},
            {**self.rates, **later.rates},
            {**self.bets, **later.bets},
        )

    def to_bytes(self) -> bytes:
        """Return the same bytes for the same terms."""
        rates = [[*name, reason.value] for name, reason in sorted(self.rates.items())]
        bets = {family: data.hex() for family, data in self.bets.items()}
        return _bytes({"levels": dict(self.levels), "dispersions": dict(self.dispersions), "rates": rates, "bets": bets})

    @staticmethod
    def from_bytes(data: bytes) -> Terms:
        """Read them back. Raises MalformedJudgement."""
        body = _body(data)
        try:
            rates = {RateName(family, measure, column): Reason(reason) for family, measure, column, reason in body["rates"]}
            bets = {family: bytes.fromhex(data) for family, data in body.get("bets", {}).items()}
            return Terms(dict(body["levels"]), dict(body["dispersions"]), rates, bets)
        except (KeyError, TypeError, ValueError) as error:
            raise MalformedJudgement(f"the terms of a window cannot be read: {error!r}") from error


def _bytes(body: Mapping[str, Any]) -> bytes:
    return json.dumps({"format": FORMAT, **body}, separators=(",", ":"), sort_keys=True).encode()


def _body(data: bytes) -> Mapping[str, Any]:
    try:
        body = json.loads(data)
    except ValueError as error:
        raise MalformedJudgement(f"a judgement is JSON, this is not: {error}") from error
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise MalformedJudgement(f"this version reads judgements of format {FORMAT} only")
    return body
