"""The measure that an alert is about over its last windows: small enough for a message, enough for a picture."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from driftline.alerting.notification import Notification
from driftline.alerting.response.evidence import Observation, is_better_with_more
from driftline.envelope import iso_time
from driftline.wording import amount

MOST, LEAST = 30, 3
"""Windows that are shown; below the least there is nothing to see."""
_OF_RESULTS = frozenset({"performance", "performance_change", "estimate"})
_OF_INPUTS = frozenset({"feature", "feature_change"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """One measure, window by window, the oldest first."""

    measure: str
    column: str | None
    limit: float | None
    """The limit in force in the last window; None: it is not checked."""
    more_is_bad: bool
    ends: tuple[str, ...]
    """Of the windows, ISO 8601, UTC."""
    values: tuple[float, ...]

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.measure} of {self.column}" if self.column else self.measure

    def beyond(self, value: float) -> bool:
        """Whether a value breaks the limit."""
        return self.limit is not None and (value > self.limit if self.more_is_bad else value < self.limit)

    @property
    def caption(self) -> str:
        """One line that says what a picture of it shows."""
        limit = "" if self.limit is None else f" (limit {self.limit:.4g})"
        until = self.ends[-1][:16].replace("T", " ")
        return f"{self.name}, the last {amount(len(self.values), 'window')} until {until} UTC: now {self.values[-1]:.4g}{limit}"


def trend_of(windows: Sequence[Observation], kind: str) -> Trend | None:
    """Choose what an alert of a family is about: the worst column's PSI, the worst measure of results, else the risk score.

    `windows` of one version and granularity, the oldest first.
    """
    shown = windows[-MOST:]
    if len(shown) < LEAST:
        return None
    newest = shown[-1]
    if kind in _OF_INPUTS and newest.feature_psi:
        column = max(newest.feature_psi, key=lambda name: (newest.feature_psi[name], name))
        return _made("psi", column, newest.psi_limits.get(column), [one.feature_psi.get(column) for one in shown], shown)
    if kind in _OF_RESULTS and (name := _worst(newest)) is not None:
        return _made(name, None, newest.performance_limits[name], [one.performance.get(name) for one in shown], shown)
    return _made("risk score", None, None, [one.risk for one in shown], shown)


def _worst(newest: Observation) -> str | None:
    """The measure of results that is furthest beyond its limit, for the size of that."""

    def beyond(name: str) -> float:
        value, limit = newest.performance[name], newest.performance_limits[name]
        return (limit - value if is_better_with_more(name) else value - limit) / (abs(limit) or 1.0)

    return max(
        newest.performance.keys() & newest.performance_limits.keys(), key=lambda name: (beyond(name), name), default=None
    )


def _made(
    measure: str, column: str | None, limit: float | None, values: Sequence[float | None], windows: Sequence[Observation]
) -> Trend | None:
    known = [(iso_time(one.end), value) for one, value in zip(windows, values, strict=True) if value is not None]
    if len(known) < LEAST:
        return None
    return Trend(
        measure=measure,
        column=column,
        limit=limit,
        more_is_bad=not is_better_with_more(measure),
        ends=tuple(end for end, _ in known),
        values=tuple(value for _, value in known),
    )


def with_trend(message: Notification, trend: Trend | None, pictures: str | None = None) -> Notification:
    """The notification with the trend of its leading alert; `pictures` is where this service can be reached for a picture of it."""
    if trend is None:
        return message
    said: dict[str, Any] = {
        "measure": trend.measure,
        "column": trend.column,
        "limit": trend.limit,
        "more_is_bad": trend.more_is_bad,
        "points": [[end, float(f"{value:.6g}")] for end, value in zip(trend.ends, trend.values, strict=True)],
    }
    if pictures is not None:
        said["picture_url"] = f"{pictures}/v1/pictures/{message.notification_id}.png"
    lead, *others = message.body["alerts"]
    lead = {**lead, "trend": said}
    return replace(message, body={**message.body, "alert_data": lead, "alerts": [lead, *others]})


def read_trend(given: object, harmless: Callable[[str], str]) -> Trend | None:
    """The trend in an alert of a notification's body, its names made `harmless`; None where there is none that could be drawn."""
    if not isinstance(given, Mapping):
        return None
    points: Sequence[Any] = given.get("points", ())
    values = tuple(float(value) for _, value in points)
    if len(values) < LEAST or not all(map(math.isfinite, values)):
        return None
    return Trend(
        measure=harmless(str(given.get("measure"))),
        column=None if given.get("column") is None else harmless(str(given.get("column"))),
        limit=given.get("limit"),
        more_is_bad=bool(given.get("more_is_bad", True)),
        ends=tuple(harmless(str(end)) for end, _ in points),
        values=values,
    )
