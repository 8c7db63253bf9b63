"""Whatever happens in whatever order, with kills between and within all steps: what automation promises holds."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import Connection, select

from driftline.alerting.delivery import Delivered, TryAgain
from driftline.alerting.response.guards import GUARDS
from driftline.alerting.response.plan import NotAllowed, NotNow
from driftline.alerting.response.policy import Delivery, Mode, ModelPolicy, ResponsePolicy
from driftline.events import Stage
from services.alerting.store.response.plans import OPEN
from services.alerting.store.response.tables import plans
from tests.unit.alerting.response.builders import policy
from tests.unit.services.alerting.response.house import House

MODELS = ("nyc.a", "nyc.b")
RISKS = (0.0, 29.99, 30.0, 45.0, 59.99, 60.0, 79.99, 80.0, 89.99, 90.0, 95.0)
models, versions = st.sampled_from(("nyc.a", "nyc.a", "nyc.b")), st.sampled_from(("2", "2", "2", "1"))


class Killed(Exception):
    """The process dies before this transaction commits."""


class Automation(RuleBasedStateMachine):
    """Windows, people, time and kills."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.house = House(Path(self.folder.name))

    def teardown(self) -> None:
        self.house.close()
        self.folder.cleanup()

    @initialize(
        mode=st.sampled_from((Mode.AUTO, Mode.AUTO, Mode.APPROVE, Mode.SHADOW)),
        hooked=st.booleans(),
        accept=st.booleans(),
        proven=st.booleans(),
    )
    def begin(self, mode: Mode, hooked: bool, accept: bool, proven: bool) -> None:
        deliver = (Delivery.SERVING_COMMANDS, *((Delivery.WEBHOOK,) if hooked else ()))
        made = next(iter(policy(mode, deliver=deliver, accept_no_fallback=accept).models.values()))
        self.house.rules = ResponsePolicy(models={model: replace(made, endpoint=model) for model in MODELS})
        for model in MODELS if proven else ():
            self.moved(model, "1", Stage.PRODUCTION)

    @rule(model=models, version=versions, risk=st.sampled_from(RISKS), days=st.integers(2, 3))
    def windows(self, model: str, version: str, risk: float, days: int) -> None:
        for _ in range(days):
            self.house.window(risk, version=version, model=model)
            self.house.work(60)

    @rule(model=models, version=versions, stage=st.sampled_from((Stage.PRODUCTION, Stage.STAGING, Stage.ARCHIVED)))
    def moved(self, model: str, version: str, stage: Stage) -> None:
        self.house.promote(version, stage, model=model, at=self.house.offset)

    @rule(seconds=st.sampled_from((1, 900, 1_800, 21_600, 90_000)))
    def time(self, seconds: int) -> None:
        self.house.work(seconds)

    @rule(verb=st.sampled_from(("approve", "reject")), by=st.sampled_from(("ada", "driftline")))
    def person(self, verb: str, by: str) -> None:
        for plan_id in {step.plan_id for step in self.house.steps() if step.state == "awaiting_approval"}:
            try:
                getattr(self.house.people, verb)(plan_id, by, "so")
            except (NotAllowed, NotNow):
                continue
        self.house.work()

    @rule(model=models, mode=st.sampled_from((Mode.AUTO, Mode.AUTO, Mode.APPROVE, Mode.OFF)))
    def mode(self, model: str, mode: Mode) -> None:
        self.house.people.set_mode(model, mode, "ada", "so")
        self.house.work()

    @rule(model=models)
    def obeys(self, model: str) -> None:
        if any(one.model_id == model for one in self.house.commands()):
            self.house.obey(model)
            self.house.work()

    @rule(works=st.booleans())
    def webhook(self, works: bool) -> None:
        self.house.way.answer = Delivered(200) if works else TryAgain("answered 503", 503)
        self.house.work(120)

    @rule(model=models, at=st.integers(1, 4), risk=st.sampled_from(RISKS))
    def kill(self, model: str, at: int, risk: float) -> None:
        """The process dies in one of the next transactions, and another takes over."""
        database: Any = self.house.database
        write, left = database.write, [at]

        @contextmanager
        def dying() -> Iterator[Connection]:
            with write() as tx:
                yield tx
                left[0] -= 1
                if not left[0]:
                    raise Killed

        database.write = dying
        try:
            self.house.window(risk, model=model)
            self.house.work(1)
        except Killed:
            pass
        self.house.restart()
        self.house.work()

    @invariant()
    def one_plan_of_a_model_at_a_time(self) -> None:
        with self.house.database.read() as tx:
            found = Counter(tx.execute(select(plans.c.model_id).where(plans.c.state.in_(OPEN))).scalars())
        assert all(count == 1 for count in found.values())

    @invariant()
    def budgets_hold(self) -> None:
        with self.house.database.read() as tx:
            rows = tx.execute(
                select(plans.c.model_id, plans.c.executed_at, plans.c.body).where(plans.c.executed_at.is_not(None))
            ).all()
        begun = [(row.model_id, row.executed_at) for row in rows for _ in range(row.body.count('"idempotency_key"'))]
        limits = ModelPolicy().limits
        for _, at in begun:
            for model in MODELS:
                assert (
                    sum(1 for other, moment in begun if other == model and at <= moment < at + 86_400_000_000)
                    <= limits.per_model_day
                )
            assert sum(1 for _, moment in begun if at <= moment < at + 3_600_000_000) <= limits.per_tenant_hour

    @invariant()
    def every_action_has_its_decision_and_guards_and_leaves_once(self) -> None:
        by_key: dict[str, Any] = {}
        decided: set[str] = set()
        allowed: set[str] = set()
        ended: set[str] = set()
        for one in self.house.told:
            if type(one).__name__ == "ResponseStep":
                if one.step == "decision_matrix":
                    assert [verdict.guard for verdict in one.guards] == list(GUARDS)
                    decided.add(one.plan_id)
                if one.state == "executing":
                    assert all(verdict.passed for verdict in one.guards)
                    assert one.mode in ("approve", "auto")
                    allowed.add(one.plan_id)
                if one.state in ("expired", "rejected", "vetoed", "shadowed"):
                    ended.add(one.plan_id)
        for command in self.house.commands():
            assert by_key.setdefault(command.idempotency_key, command) == command
            assert command.plan_id in decided & allowed
        assert not allowed & ended
        revisions = Counter((one.model_id, one.revision) for one in by_key.values())
        assert all(count == 1 for count in revisions.values())

    @invariant()
    def what_is_sent_twice_is_the_same(self) -> None:
        bodies: dict[str, bytes] = {}
        for message in self.house.way.sent:
            assert bodies.setdefault(message.notification_id, message.body) == message.body


TestAutomation = Automation.TestCase
TestAutomation.settings = settings(
    max_examples=20, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)
