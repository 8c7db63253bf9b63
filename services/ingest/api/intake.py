"""What becomes of the rows of one request: records to write, and refusals. Pure: no clock, no Kafka."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any, Protocol

import orjson

from driftline.errors import Reason
from driftline.events import Monitor
from driftline.runtime.problems import Problem
from driftline.validation import Verdict, fit_id
from services.ingest.api.json_columns import Integers, Row

_DETAILS = {
    Reason.UNKNOWN_MODEL: "model {model!r} has no monitor; apply one with `driftline monitor apply`, then send it again",
    Reason.MISSING_FIELD: "{field} is missing; give it a value",
    Reason.INVALID_ID: "{field} must have 1 to 128 bytes of UTF-8",
    Reason.WRONG_TYPE: "{field} has another type than it should have; the OpenAPI page and the monitor say which",
    Reason.NON_FINITE: "{field} is not finite; send null where there is no value",
    Reason.OUT_OF_RANGE: "{field} is outside its range (a score lies in [0, 1]; times are microseconds since 1970)",
    Reason.FUTURE_EVENT_TIME: "{field} is further ahead of now than the monitor tolerates; mind the unit (microseconds) and the clock",
    Reason.TOO_LARGE: "{field} is larger than Kafka takes",
    Reason.UNEXPECTED_EVENT: "the monitor of {model!r} says that no labels come; apply a version with labels: true",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """One row that does not count."""

    index: int
    reason: Reason
    field: str
    model_id: str | None = None

    @property
    def detail(self) -> str:
        """What is wrong and what to do."""
        return _DETAILS[self.reason].format(field=self.field, model=self.model_id)

    def shifted(self, by: int) -> Refusal:
        """The same row under another number."""
        return replace(self, index=self.index + by) if by else self

    def as_json(self) -> dict[str, Any]:
        """As it stands in the answer."""
        return {"index": self.index, "reason": self.reason.value, "field": self.field, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class Ready:
    """Accepted rows in wire form, for one partition."""

    partition: int
    key: bytes
    value: bytes
    model_id: str


@dataclass(slots=True)
class Intake:
    """The outcome for a request; every row is accepted or refused, once."""

    accepted: int = 0
    ready: list[Ready] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)

    def refuse(self, indices: Iterable[int], reason: Reason, name: str, model_id: str | None = None) -> None:
        """Refuse rows by their number in the request."""
        self.refused += [Refusal(index, reason, name, model_id) for index in indices]

    def refuse_as(self, verdict: Verdict, chosen: Integers, numbers: Sequence[int], model_id: str) -> None:
        """Refuse what a verdict refuses among `chosen`; `numbers` are the rows' numbers in the request."""
        for row in chosen[~verdict.accepted[chosen]].tolist():
            reason, name = verdict.reason(row), verdict.field(row)
            assert reason is not None
            assert name is not None
            self.refused.append(Refusal(numbers[row], reason, name.removeprefix(":"), model_id))


class Versions(Protocol):
    """The monitors, as of now."""

    def lots(self, model_id: str, event_time: Integers) -> list[tuple[Monitor, Integers]] | None:
        """The rows (indices) that each monitor version holds for, None for an unknown model."""
        ...


@dataclass(frozen=True, slots=True)
class Lot:
    """Rows of one model (and version), with their numbers in the request."""

    model_id: str
    model_version: str
    rows: Sequence[Row]
    numbers: Sequence[int]


def read_rows(body: bytes, list_name: str = "events") -> list[Any]:
    """The rows of a body: one event, or {"events": [...]}. Raises Problem 400 or 422."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem(
            400,
            Reason.MALFORMED_JSON.value,
            f"the body is not JSON: {error}",
            remedy="send one UTF-8 JSON document; JSON has no NaN and no Infinity: send null where there is no value",
        ) from error
    rows = document.get(list_name, [document]) if isinstance(document, dict) else None
    if not isinstance(rows, list) or not rows:
        raise Problem(
            422,
            "invalid_request",
            f'the body is neither one event nor {{"{list_name}": [...]}} with at least one event',
            remedy="the OpenAPI page (/docs) shows both forms",
        )
    return rows


_MODEL, _MODEL_AND_VERSION = itemgetter("model_id"), itemgetter("model_id", "model_version")


def sort_out(rows: Sequence[Any], intake: Intake, *, versioned: bool) -> Iterator[Lot]:
    """Rows by model and (where `versioned`) model version; what has no such ids is refused here."""
    try:
        found = set(map(_MODEL_AND_VERSION if versioned else _MODEL, rows))
    except (KeyError, TypeError, IndexError):  # a row without them, a row that is none, an id that is a list
        found = set()
    if len(found) == 1 and type(rows[0]) is dict:
        ids = found.pop()
        model_id, version = ids if versioned else (ids, "")
        if _fit(model_id) and (not versioned or _fit(version)):
            yield Lot(model_id, version, rows, range(len(rows)))
            return
    lots: dict[tuple[str, str], list[int]] = {}
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            intake.refuse([number], Reason.WRONG_TYPE, "event")
            continue
        model_id, version = row.get("model_id"), row.get("model_version") if versioned else ""
        if _refuse_misfit(intake, number, "model_id", model_id, None):
            continue
        if versioned and _refuse_misfit(intake, number, "model_version", version, model_id):
            continue
        lots.setdefault((str(model_id), str(version)), []).append(number)
    for (model_id, version), numbers in lots.items():
        yield Lot(model_id, version, [rows[number] for number in numbers], numbers)


def _fit(value: Any) -> bool:
    return isinstance(value, str) and fit_id(value)


def _refuse_misfit(intake: Intake, number: int, name: str, value: Any, model_id: str | None) -> bool:
    if _fit(value):
        return False
    reason = Reason.MISSING_FIELD if value is None else Reason.INVALID_ID if isinstance(value, str) else Reason.WRONG_TYPE
    intake.refuse([number], reason, name, model_id)
    return True
