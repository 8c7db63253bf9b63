"""Sends what the outbox holds for one channel, a few messages at a time; other channels have senders of their own."""

import concurrent.futures
import random
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import structlog
from sqlalchemy import Connection

from driftline.alerting.alert import Status
from driftline.alerting.delivery import Attempt, Delivered, Outcome, Refused, RetryPolicy, TryAgain, asked_to_wait, next_try
from driftline.alerting.life import Entry, Happening
from driftline.alerting.pace import Pace
from driftline.clock import Clock
from driftline.events import NotificationFailed, NotificationSent
from driftline.wording import amount
from services.alerting.adapters.channels.port import Channel, Outgoing
from services.alerting.adapters.plan import PlanInForce
from services.alerting.metrics import NOTIFICATIONS, SEND_SECONDS
from services.alerting.store import channel_health, groups, history, outbox, paces, threads
from services.alerting.store.database import Database
from services.alerting.store.outbox import Parcel

_LOG = structlog.get_logger("driftline.alerting")
_DRAIN_SECONDS = 5.0
_TRIES_TILL_FAILING = 3
"""So many tries of one notification in vain, and the channel counts as failing."""

_NAMED_ALERTS = 10
"""Of the alerts of one notification so many are named in the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderOptions:
    """How a channel is sent to."""

    name: str
    """Name of the channel."""
    lease_us: int
    """After which an unanswered claim is void; longer than the channel's timeout."""
    workers: int
    retry: RetryPolicy
    pace: Pace | None = None
    """None: as fast as it goes."""


class Sender:
    """The only reader of one channel's part of the outbox in this process."""

    def __init__(
        self,
        database: Database,
        channel: Channel,
        in_force: PlanInForce,
        options: SenderOptions,
        *,
        clock: Clock,
        on_recorded: Callable[[], None],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`on_recorded` wakes the publisher of events."""
        self._database = database
        self._channel = channel
        self._in_force = in_force
        self._options = options
        self._clock = clock
        self._on_recorded = on_recorded
        self._jitter = jitter
        self._pool = ThreadPoolExecutor(options.workers, thread_name_prefix=f"send-{options.name}")
        self._sending: dict[Future[Outcome], Parcel] = {}
        self._former: list[Channel] = []
        self._on_idle: Callable[[], None] | None = None
        """Called when nothing is under way any more, once the channel is retired."""
        self._failing: bool | None = None
        """Whether `health` says that the channel fails; None: an earlier process may have said so."""
        self._troubled = False
        """Whether the log says that the channel fails."""

    def run_once(self, wake: Callable[[], None]) -> int | None:
        """Record what came back, claim what is due, in one transaction; send that, and be woken by the answers."""
        answered = [future for future in self._sending if future.done()]
        with self._database.write() as tx:
            self._record(tx, [(self._sending[future], future.result()) for future in answered])
            for future in answered:
                del self._sending[future]
            free = 0 if self._on_idle is not None else self._options.workers - len(self._sending)
            claimed = self._claim(tx, free) if free else []
            # With anything under way its answer wakes us before we need to know.
            following = None if claimed or self._sending else self._next_due(tx)
        if answered:
            self._on_recorded()
        for parcel in claimed:
            future = self._pool.submit(self._send, self._channel, parcel)
            self._sending[future] = parcel
            future.add_done_callback(lambda _: wake())
        if not self._sending:
            self._let_go()
        return following

    def use(self, channel: Channel, options: SenderOptions) -> None:
        """Send so from now on, from any thread; what is under way ends as it began."""
        self._former.append(self._channel)
        self._channel = channel
        self._options = options

    def retire(self, on_idle: Callable[[], None]) -> None:
        """Take nothing more; call back when nothing is under way. What is left is given up: nobody will send it."""
        self._on_idle = on_idle

    def close(self) -> None:
        """Wait a while for the messages under way and record them; the others go out again, with the same id."""
        concurrent.futures.wait(self._sending, timeout=_DRAIN_SECONDS)
        with self._database.write() as tx:
            self._record(tx, [(parcel, future.result()) for future, parcel in self._sending.items() if future.done()])
        self._pool.shutdown(wait=False)
        for channel in (*self._former, self._channel):
            channel.close()

    def _let_go(self) -> None:
        while self._former:
            self._former.pop().close()
        if self._on_idle is not None:
            with self._database.write() as tx:
                give_up_elsewhere(tx, self._in_force.configured, self._clock.now_us(), only=self._options.name)
            self._on_idle()

    def _claim(self, tx: Connection, free: int) -> list[Parcel]:
        name, pace, now = self._options.name, self._options.pace, self._clock.now_us()
        known = paces.read(tx, name)
        allowed = known.allowed(pace, now, free)
        claimed = outbox.claim(tx, name, now=now, lease_us=self._options.lease_us, limit=allowed) if allowed else []
        if claimed and pace is not None:
            paces.write(tx, name, replace(known, spent=pace.after(known.spent, now, len(claimed))))
        return claimed

    def _next_due(self, tx: Connection) -> int | None:
        due = outbox.next_due(tx, self._options.name)
        return None if due is None else max(due, paces.read(tx, self._options.name).next_at(self._options.pace))

    def _send(self, channel: Channel, parcel: Parcel) -> Outcome:
        with SEND_SECONDS.labels(parcel.kind).time():
            return channel.send(Outgoing(parcel.notification_id, parcel.body, parcel.thread))

    def _record(self, tx: Connection, answers: Sequence[tuple[Parcel, Outcome]]) -> None:
        if not answers:
            return
        now = self._clock.now_us()
        batch = outbox.Batch(now)
        # Where a lease was over, another replica may have noted the end first.
        ours = outbox.still_pending(tx, [parcel for parcel, _ in answers])
        delivered: list[tuple[Parcel, Delivered]] = []
        for parcel, outcome in answers:
            if parcel.seq not in ours:
                continue
            if isinstance(outcome, Delivered):
                delivered.append((parcel, outcome))
            else:
                self._undelivered(tx, batch, parcel, outcome, now)
        if delivered:
            self._note_working(tx, batch, now)
            self._delivered(tx, batch, delivered, now)
        batch.write(tx)

    def _undelivered(self, tx: Connection, batch: outbox.Batch, parcel: Parcel, outcome: Refused | TryAgain, now: int) -> None:
        self._warn(outcome.error)
        due = None
        if isinstance(outcome, TryAgain):
            attempt = Attempt(parcel.attempts, parcel.decided_at, now)
            due = next_try(outcome, attempt, self._options.retry, jitter=self._jitter())
            if wait := asked_to_wait(outcome, self._options.retry):
                self._leave_alone(tx, now + wait)
        if isinstance(outcome, Refused) or parcel.attempts >= _TRIES_TILL_FAILING:
            self._note_failing(tx, batch, outcome.error, now)
        if due is None:
            NOTIFICATIONS.labels(parcel.kind, "failed").inc()
            _give_up(tx, batch, parcel, outcome, now)
            return
        outbox.postpone(tx, outbox.Result(parcel.seq, outcome.code, outcome.error), due_at=due)
        batch.tell(_failed_event(parcel, outcome.error, due, now), parcel.notification_id, parcel.attempts)
        NOTIFICATIONS.labels(parcel.kind, "retried").inc()

    def _warn(self, error: str) -> None:
        if not self._troubled:
            _LOG.warning(
                "a channel does not take notifications", channel=self._options.name, host=self._channel.host, reason=error
            )
        self._troubled = True

    def _leave_alone(self, tx: Connection, until: int) -> None:
        """Tell the channel nothing until then: what it asked for one message holds for all, lest it shuts us out."""
        known = paces.read(tx, self._options.name)
        if until > known.held_until:
            paces.write(tx, self._options.name, replace(known, held_until=until))

    def _note_failing(self, tx: Connection, batch: outbox.Batch, error: str, now: int) -> None:
        if self._failing or (self._failing is None and channel_health.is_open(tx, self._options.name)):
            self._failing = True
            return
        channel_health.open_condition(batch, self._options.name, error, now)
        self._failing = True

    def _note_working(self, tx: Connection, batch: outbox.Batch, now: int) -> None:
        # What this process has opened it closes, also where its own alert about that has not come back yet.
        failed = self._failing or (self._failing is None and channel_health.is_open(tx, self._options.name))
        if failed:
            channel_health.close_condition(batch, self._options.name, now)
        if failed or self._troubled:
            _LOG.info("a channel takes notifications again", channel=self._options.name, host=self._channel.host)
        self._failing = self._troubled = False

    def _delivered(self, tx: Connection, batch: outbox.Batch, sent: Sequence[tuple[Parcel, Delivered]], now: int) -> None:
        results = [outbox.Result(parcel.seq, outcome.code, None) for parcel, outcome in sent]
        outbox.finish(tx, results, state=outbox.SENT, now=now)
        groups.note_delivered(tx, self._options.name, [(parcel.group_key, parcel.known) for parcel, _ in sent])
        for parcel, outcome in sent:
            NOTIFICATIONS.labels(parcel.kind, "sent").inc()
            if parcel.known.resolved:  # only who was told of an end can let go of it
                self._forget_settled(tx, parcel)
            _note_thread(tx, parcel, outcome)
            event = NotificationSent(
                notification_id=parcel.notification_id,
                group_key=parcel.group_key,
                channel=parcel.kind,
                status=parcel.status,
                alert_ids=parcel.alert_ids,
                attempts=parcel.attempts,
                response_code=outcome.code,
                sent_at=now,
            )
            batch.tell(event, parcel.notification_id)

    def _forget_settled(self, tx: Connection, parcel: Parcel) -> None:
        group = groups.find(tx, parcel.group_key)
        receiver = self._in_force.routing.receivers.get(group.receiver) if group is not None else None
        if receiver is not None:
            groups.forget_settled(tx, parcel.group_key, [channel.name for channel in receiver.channels])


def _note_thread(tx: Connection, parcel: Parcel, outcome: Delivered) -> None:
    if parcel.status == Status.RESOLVED:
        threads.forget(tx, parcel.group_key, parcel.channel)
    elif outcome.thread is not None:
        threads.note(tx, parcel.group_key, parcel.channel, outcome.thread)


def _give_up(tx: Connection, batch: outbox.Batch, parcel: Parcel, outcome: Refused | TryAgain, now: int) -> None:
    """End a notification undelivered; the next look at its group decides as if it had never been."""
    _LOG.error(
        "a notification is given up; its group is looked at again",
        channel=parcel.channel,
        notification=parcel.notification_id,
        alerts=list(parcel.alert_ids[:_NAMED_ALERTS]),
        alert_count=len(parcel.alert_ids),
        tries=parcel.attempts,
        reason=outcome.error,
    )
    outbox.finish(tx, [outbox.Result(parcel.seq, outcome.code, outcome.error)], state=outbox.FAILED, now=now)
    history.add(tx, _lines(tx, parcel, outcome.error, now))
    groups.take_back(tx, parcel.group_key, parcel.channel, parcel.notification_id, now)
    batch.tell(_failed_event(parcel, outcome.error, None, now), parcel.notification_id, parcel.attempts)


def _lines(tx: Connection, parcel: Parcel, error: str, now: int) -> list[Entry]:
    """For the history of its alerts; while a channel fails, each tick of a group fails, of which the first is told."""
    known = outbox.failed_before(tx, parcel)
    detail = f"{parcel.channel}: given up after {amount(parcel.attempts, 'try')}: {error}"
    return [
        Entry(alert_id=alert_id, at=now, happening=Happening.UNDELIVERED, detail=detail)
        for alert_id in parcel.alert_ids
        if alert_id not in known
    ]


def give_up_elsewhere(tx: Connection, channels: Collection[str], now: int, *, only: str | None = None) -> None:
    """End what waits for channels that are not among these, or for that one of them: nobody will send it."""
    batch = outbox.Batch(now)
    for parcel in outbox.pending_elsewhere(tx, channels):
        if only in (None, parcel.channel):
            _give_up(tx, batch, parcel, Refused("its channel is not configured any more"), now)
    batch.write(tx)


def _failed_event(parcel: Parcel, error: str, retry_at: int | None, now: int) -> NotificationFailed:
    return NotificationFailed(
        notification_id=parcel.notification_id,
        group_key=parcel.group_key,
        channel=parcel.kind,
        status=parcel.status,
        alert_ids=parcel.alert_ids,
        attempts=parcel.attempts,
        error=error,
        retry_at=retry_at,
        failed_at=now,
    )
