"""Asking for a check over HTTP. The owner of the model's partition answers on `checks`."""

import threading
import uuid
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from driftline import topics
from driftline.clock import Clock
from driftline.codec import encode
from driftline.envelope import Envelope, deterministic_id, iso_time, moment_of
from driftline.errors import Unavailable
from driftline.events import CheckRequested, CheckStatus, Threshold
from driftline.governance.checks import MEASURES, to_thresholds
from driftline.kafka.errors import KafkaFailure
from driftline.kafka.partitioning import partition_for
from driftline.kafka.ports import Delivery, Producer
from driftline.runtime.catalogue import Catalogue, CatalogueBehind
from driftline.runtime.http import Access
from driftline.runtime.problems import Problem
from driftline.runtime.tokens import Actor

__all__ = ["CheckDesk", "Wanted", "routes"]

ASKERS = ("operator",)
"""Roles that may ask for a check (admin may too)."""
_FLUSH_SECONDS = 10.0
_FAMILIES = f"families are {', '.join(MEASURES)}"


class Wanted(BaseModel):
    """The range to check, [from, to) of event time; ISO 8601, UTC where no zone is named."""

    model_config = ConfigDict(extra="forbid")

    since: str = Field(alias="from", max_length=64)
    until: str = Field(alias="to", max_length=64)
    model_version: str = Field(default="", max_length=128, description="only this version; empty = every version with rows")
    thresholds: dict[str, dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]]] = Field(
        default={}, description='limits by family and measure in place of the monitor\'s, such as {"feature": {"psi": 0.1}}'
    )

    def checks(self) -> tuple[Threshold, ...]:
        """The thresholds as a monitor has them; raises Problem 422 for a family or measure that is unknown."""
        limits: dict[tuple[str, str, str | None], float | None] = {}
        for family, named in self.thresholds.items():
            limits |= {(family, measure, None): limit for measure, limit in named.items()}
        for family, measure, _ in limits:
            if measure not in MEASURES.get(family, ()):
                known = f"measures of {family} are {', '.join(sorted(MEASURES[family]))}" if family in MEASURES else _FAMILIES
                raise Problem(422, "invalid_request", f"thresholds: there is no {family}.{measure}", remedy=known)
        return to_thresholds(limits)


class CheckDesk:
    """Hands requests to the owner of a model's partition: on `profiles`, where they have their place among the counts."""

    def __init__(self, catalogue: Callable[[], Catalogue], producer: Producer, partitions: int, clock: Clock) -> None:
        """`catalogue` makes a reader of monitors; `partitions`: of `profiles`."""
        self._make = catalogue
        self._catalogue: Catalogue | None = None
        self._producer = producer
        self._partitions = partitions
        self._clock = clock
        self._lock = threading.Lock()

    def ask(self, model_id: str, wanted: Wanted, actor: str) -> CheckRequested:
        """Write the request; it is durable when this returns. Raises Problem, or Unavailable where Kafka does not answer."""
        start, end = _time("from", wanted.since), _time("to", wanted.until)
        if start >= end:
            raise Problem(422, "invalid_request", "from is not before to", remedy="swap them: the range is [from, to)")
        request = CheckRequested(
            request_id=str(uuid.uuid4()),
            model_id=model_id,
            model_version=wanted.model_version,
            start=start,
            end=end,
            thresholds=wanted.checks(),
            actor=actor,
            at=self._clock.now_us(),
        )
        with self._lock:
            if not self._known().book.entries(model_id):
                remedy = "apply one with `driftline monitor apply`, or see `driftline monitor list`"
                raise Problem(404, "unknown_model", f"{model_id!r} has no monitor", remedy=remedy)
            self._write(request)
        return request

    def _known(self) -> Catalogue:
        """Monitors to the end of their topic. Raises Unavailable; the next request tries again with a reader of its own."""
        catalogue = self._make() if self._catalogue is None else self._catalogue
        self._catalogue = None
        try:
            catalogue.refresh()
        except (KafkaFailure, CatalogueBehind) as error:
            catalogue.close()
            raise Unavailable(f"the monitors cannot be read: {error}") from error
        self._catalogue = catalogue
        return catalogue

    def _write(self, request: CheckRequested) -> None:
        delivered: list[Delivery] = []
        envelope = Envelope(
            id=deterministic_id("CheckRequested", request.request_id),
            type="CheckRequested",
            source="/drift",
            time_us=request.at,
            subject=request.model_id,
            actor=request.actor,
        )
        key = request.model_id.encode()
        self._producer.produce(
            topics.name("profiles"),
            encode(request),
            key=key,
            headers=envelope.headers(),
            partition=partition_for(key, self._partitions),
            on_delivery=delivered.append,
        )
        self._producer.flush(_FLUSH_SECONDS)
        if not delivered or delivered[0].error is not None:
            raise Unavailable("the broker did not confirm the request; it may be answered all the same")


def routes(ask: Callable[[str, Wanted, str], CheckRequested], access: Access) -> APIRouter:
    """Return the routes below /v1/models; `ask` takes model, range and who asks."""
    router = APIRouter(prefix="/v1/models", tags=["checks"])

    @router.post("/{model_id:path}/checks", status_code=202, summary="Check a range of a model's stored counts")
    def post_check(model_id: str, wanted: Wanted, actor: Annotated[Actor, Depends(access.require(*ASKERS))]) -> dict[str, Any]:
        request = ask(model_id, wanted, actor.name)
        return {
            "request_id": request.request_id,
            "model_id": request.model_id,
            "from": iso_time(request.start),
            "to": iso_time(request.end),
            "status": CheckStatus.PENDING.value,
        }

    return router


def _time(name: str, text: str) -> int:
    try:
        return moment_of(text)
    except ValueError as error:
        raise Problem(422, "invalid_request", f"{name}: {error}", remedy="write it as 2026-03-01T00:00:00Z") from error
