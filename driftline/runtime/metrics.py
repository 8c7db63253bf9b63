"""Metrics of the batch loop; one set per process, the parts of a service told apart by label."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["LoopMetrics"]


class LoopMetrics:
    """What an operator watches on every consumer."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register; a second one on the same registry is an error."""
        self.messages = Counter("driftline_loop_messages_total", "Messages handled, by part.", ["part"], registry=registry)
        self.message_bytes = Counter(
            "driftline_loop_message_bytes_total", "Bytes of the values of messages handled.", ["part"], registry=registry
        )
        self.records = Counter(
            "driftline_loop_records_total",
            "Records written in committed transactions, by part and topic.",
            ["part", "topic"],
            registry=registry,
        )
        self.transactions = Counter(
            "driftline_loop_transactions_total",
            "Transactions by outcome: committed, or failed (the process then ends and is started again).",
            ["part", "outcome"],
            registry=registry,
        )
        self.transaction_seconds = Histogram(
            "driftline_loop_transaction_seconds",
            "Time from opening a transaction to its commit.",
            ["part"],
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20),
            registry=registry,
        )
        self.lag = Gauge(
            "driftline_loop_lag_offsets",
            "Offsets between the position and the end of a source partition, open transactions included.",
            ["part", "topic", "partition"],
            registry=registry,
        )
        self.stalled = Gauge(
            "driftline_loop_stalled_partitions",
            "Assigned partitions with data left that have not moved; an idle partition is not stalled.",
            ["part"],
            registry=registry,
        )
        self.assigned = Gauge(
            "driftline_loop_assigned_partitions", "Partitions that this process reads now.", ["part"], registry=registry
        )
        self.commit_interval = Gauge(
            "driftline_loop_commit_interval_seconds",
            "Present time between transactions; it doubles when outputs become many.",
            ["part"],
            registry=registry,
        )
        self.rebalances = Counter(
            "driftline_loop_rebalances_total",
            "Rebalances by what happened: assigned, revoked, lost.",
            ["part", "kind"],
            registry=registry,
        )
