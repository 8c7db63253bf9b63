"""Sends what the outbox holds for one channel, a few messages at a time; other channels have senders of their own."""

import concurrent.futures
import random
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from sqlalchemy import Connection

from driftline.alerting.delivery import Attempt, Delivered, Outcome, Refused, RetryPolicy, TryAgain, next_try
from driftline.alerting.routing import Routing
from driftline.clock import Clock
from driftline.events import NotificationFailed, NotificationSent
from services.alerting.adapters.channels.port import Channel, Outgoing
from services.alerting.metrics import NOTIFICATIONS, SEND_SECONDS
from services.alerting.store import channel_health, groups, outbox
from services.alerting.store.database import Database
from services.alerting.store.outbox import Parcel

_DRAIN_SECONDS = 5.0
_TRIES_TILL_FAILING = 3
"""So many tries of one notification in vain, and the channel counts as failing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderOptions:
    """How a channel is sent to."""

    name: str
    """Name of the channel."""
    lease_us: int
    """After which an unanswered claim is void; longer than the channel's timeout."""
    workers: int
    retry: RetryPolicy


class Sender:
    """The only reader of one channel's part of the outbox in this process."""

    def __init__(
        self,
        database: Database,
        channel: Channel,
        routing: Routing,
        options: SenderOptions,
        *,
        clock: Clock,
        on_recorded: Callable[[], None],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`on_recorded` wakes the publisher of events."""
        self._database = database
        self._channel = channel
        self._routing = routing
        self._options = options
        self._clock = clock
        self._on_recorded = on_recorded
        self._jitter = jitter
        self._pool = ThreadPoolExecutor(options.workers, thread_name_prefix=f"send-{options.name}")
        self._sending: dict[Future[Outcome], Parcel] = {}

    def run_once(self, wake: Callable[[], None]) -> int | None:
        """Record what came back, claim what is due, in one transaction; send that, and be woken by the answers."""
        answered = [future for future in self._sending if future.done()]
        with self._database.write() as tx:
            for future in answered:
                self._record(tx, self._sending[future], future.result())
            for future in answered:
                del self._sending[future]
            free = self._options.workers - len(self._sending)
            claimed = self._claim(tx, free) if free else []
            following = outbox.next_due(tx, self._options.name) if len(claimed) < free else None
        if answered:
            self._on_recorded()
        for parcel in claimed:
            future = self._pool.submit(self._send, parcel)
            self._sending[future] = parcel
            future.add_done_callback(lambda _: wake())
        return following

    def close(self) -> None:
        """Wait a while for the messages under way and record them; the others go out again, with the same id."""
        concurrent.futures.wait(self._sending, timeout=_DRAIN_SECONDS)
        with self._database.write() as tx:
            for future, parcel in self._sending.items():
                if future.done():
                    self._record(tx, parcel, future.result())
        self._pool.shutdown(wait=False)
        self._channel.close()

    def _claim(self, tx: Connection, free: int) -> list[Parcel]:
        return outbox.claim(tx, self._options.name, now=self._clock.now_us(), lease_us=self._options.lease_us, limit=free)

    def _send(self, parcel: Parcel) -> Outcome:
        with SEND_SECONDS.labels(parcel.kind).time():
            return self._channel.send(Outgoing(parcel.notification_id, parcel.body))

    def _record(self, tx: Connection, parcel: Parcel, outcome: Outcome) -> None:
        now = self._clock.now_us()
        match outcome:
            case Delivered(code):
                channel_health.note_working(tx, parcel.channel, now)
                self._delivered(tx, parcel, code, now)
            case Refused():
                channel_health.note_failing(tx, parcel.channel, outcome.error, now)
                self._failed(tx, parcel, outcome, now)
            case TryAgain(error, code):
                if parcel.attempts >= _TRIES_TILL_FAILING:
                    channel_health.note_failing(tx, parcel.channel, error, now)
                attempt = Attempt(parcel.attempts, parcel.decided_at, now)
                due = next_try(outcome, attempt, self._options.retry, jitter=self._jitter())
                if due is None:
                    self._failed(tx, parcel, outcome, now)
                    return
                outbox.postpone(tx, parcel, due_at=due, code=code, error=error)
                outbox.add_event(tx, _failed_event(parcel, error, due, now), parcel.notification_id, parcel.attempts, now=now)
                NOTIFICATIONS.labels(parcel.kind, "retried").inc()

    def _delivered(self, tx: Connection, parcel: Parcel, code: int | None, now: int) -> None:
        NOTIFICATIONS.labels(parcel.kind, "sent").inc()
        if not outbox.finish(tx, parcel, state=outbox.SENT, code=code, error=None, now=now):
            return
        groups.note_delivered(tx, parcel.group_key, parcel.channel, parcel.known)
        group = groups.find(tx, parcel.group_key)
        receiver = self._routing.receivers.get(group.receiver) if group is not None else None
        if receiver is not None:
            groups.forget_settled(tx, parcel.group_key, [channel.name for channel in receiver.channels])
        event = NotificationSent(
            notification_id=parcel.notification_id,
            group_key=parcel.group_key,
            channel=parcel.kind,
            status=parcel.status,
            alert_ids=parcel.alert_ids,
            attempts=parcel.attempts,
            response_code=code,
            sent_at=now,
        )
        outbox.add_event(tx, event, parcel.notification_id, now=now)

    def _failed(self, tx: Connection, parcel: Parcel, outcome: Refused | TryAgain, now: int) -> None:
        NOTIFICATIONS.labels(parcel.kind, "failed").inc()
        give_up(tx, parcel, outcome.error, now, code=outcome.code)


def give_up(tx: Connection, parcel: Parcel, error: str, now: int, *, code: int | None = None) -> None:
    """End a notification undelivered; the next look at its group decides as if it had never been."""
    if not outbox.finish(tx, parcel, state=outbox.FAILED, code=code, error=error, now=now):
        return
    groups.take_back(tx, parcel.group_key, parcel.channel, parcel.notification_id, now)
    outbox.add_event(tx, _failed_event(parcel, error, None, now), parcel.notification_id, parcel.attempts, now=now)


def give_up_elsewhere(tx: Connection, channels: Collection[str], now: int) -> None:
    """End what waits for channels that are not among these: nobody will send it."""
    for parcel in outbox.pending_elsewhere(tx, channels):
        give_up(tx, parcel, "its channel is not configured any more", now)


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
