"""What people decide about the response: approval, rejection, modes, and the hand-back of what serves."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from driftline.alerting.response.actions import Action
from driftline.alerting.response.plan import NotNow, Plan, State, approve, move
from driftline.alerting.response.policy import Mode, ResponsePolicy
from driftline.alerting.response.serving import Desired, Order, after, command
from driftline.clock import Clock
from services.alerting.jobs.response.executing import tell_command
from services.alerting.jobs.response.modes import tell_mode
from services.alerting.jobs.response.responder import Work
from services.alerting.store import outbox
from services.alerting.store.database import Database
from services.alerting.store.response import calls, plans, serving
from services.alerting.store.response.calls import Setting


class People:
    """Does what people say, in one transaction each, behind the same fence as the responder."""

    def __init__(
        self, database: Database, policy: Callable[[], ResponsePolicy], clock: Clock, on_decided: Callable[[], None]
    ) -> None:
        """`on_decided` wakes those who go on with it."""
        self._database = database
        self._policy = policy
        self._clock = clock
        self._on_decided = on_decided

    def approve(self, plan_id: str, by: str, words: str) -> None:
        """Let a plan be executed, if the guards still allow it. Raises NotAllowed, NotNow, or LookupError for none of this id."""
        self._decide(plan_id, by, words, lambda plan: approve(plan, by))

    def reject(self, plan_id: str, by: str, words: str) -> None:
        """Have a plan not executed. Raises as `approve` does."""
        self._decide(plan_id, by, words, lambda plan: move(plan, State.REJECTED, reason=f"rejected by {by}"))

    def set_mode(self, model_id: str, mode: Mode | None, by: str, words: str) -> None:
        """Set the mode of a model, None: as the policy says; ends a switch-off. `*` with OFF stops all, with None no more."""
        with self._database.write() as tx:
            plans.take_fence(tx)
            now = self._clock.now_us()
            everybody = model_id == calls.EVERYBODY
            off = words if everybody and mode is Mode.OFF else ""
            wanted = Setting(model_id=model_id, mode=None if everybody else mode, off_reason=off, by=f"{by}: {words}", at=now)
            batch = outbox.Batch(now)
            tell_mode(batch, calls.setting(tx, model_id), wanted, self._policy(), by=by, reason=words)
            batch.write(tx)
            calls.set_to(tx, wanted)
            work = Work(tx, self._policy(), model_id, now)
            work.switched_on()
            work.finish()
        self._on_decided()

    def release(self, model_id: str, by: str, words: str) -> None:
        """Have served again what was deployed. Raises NotNow where a plan is under way, or nothing is held."""
        self._command(_Words("release", model_id, by, words), _released)

    def roll_back(self, model_id: str, by: str, words: str) -> None:
        """Have served the last good version now, without automation. Raises NotNow where a plan is under way, or there is none."""
        self._command(_Words("rollback_model", model_id, by, words), _rolled_back)

    def _command(self, words: "_Words", wanted: Callable[[Connection, Desired], Desired]) -> None:
        with self._database.write() as tx:
            plans.take_fence(tx)
            if plans.open_of(tx, words.model_id) is not None:
                raise NotNow("a plan of this model is under way; reject it, or wait for its end")
            endpoint = serving.endpoint_of(tx, words.model_id) or self._policy().of(words.model_id).endpoint
            if endpoint is None:
                raise NotNow("the policy names no endpoint of this model")
            _tell(tx, words, wanted(tx, serving.desired(tx, words.model_id)), endpoint, self._clock.now_us())
        self._on_decided()

    def _decide(self, plan_id: str, by: str, words: str, change: Callable[[Plan], Plan]) -> None:
        with self._database.write() as tx:
            plans.take_fence(tx)
            known = plans.find(tx, plan_id)
            if known is None:
                raise LookupError(plan_id)
            work = Work(tx, self._policy(), known.model_id, self._clock.now_us())
            work.drive()  # what was due before comes first: an expired plan is not approved any more
            waits = work.plan is not None and work.plan.plan_id == plan_id and work.plan.state is State.AWAITING_APPROVAL
            if work.plan is not None and waits:
                work.decided(change(work.plan), by, words)
            work.finish()
            state = None if waits else plans.find(tx, plan_id)
        self._on_decided()
        if state is not None:
            message = f"the plan is {state.state.value}; it does not wait for approval"
            raise NotNow(message)


@dataclass(frozen=True, slots=True)
class _Words:
    """What a person commands."""

    action: str
    model_id: str
    by: str
    reason: str


def _released(_tx: Connection, held: Desired) -> Desired:
    if not held.affected:
        raise NotNow("nobody holds this model")
    return Desired(model_id=held.model_id, revision=held.revision + 1)


def _rolled_back(tx: Connection, held: Desired) -> Desired:
    versions = serving.versions_of(tx, held.model_id)
    serves = held.model_version or versions.last_good("")
    target = versions.last_good(serves or "")
    if serves is None or target is None:
        raise NotNow("no approved version to go back to; see `driftline model show`")
    return after(held, Action.ROLLBACK_MODEL, target)


def _tell(tx: Connection, words: _Words, wanted: Desired, endpoint: str, now: int) -> None:
    serving.set_desired(tx, wanted, endpoint)
    key = hashlib.sha256(f"{words.action}|{words.model_id}|{wanted.revision}".encode()).hexdigest()
    order = Order(key=key, action=words.action, endpoint=endpoint, plan_id="", reason=words.reason, actor=words.by, at=now)
    batch = outbox.Batch(now)
    tell_command(batch, command(wanted, order))
    batch.write(tx)
