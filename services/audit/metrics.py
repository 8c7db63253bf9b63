"""Every metric of the audit service, in one place."""

import math

from prometheus_client import Counter, Gauge, Histogram

ENTRIES = Counter("driftline_ledger_entries_total", "Entries appended to the ledger, by action.", ["action"])
DUPLICATES = Counter(
    "driftline_ledger_duplicates_total", "Records that repeat an entry byte for byte and made no entry of their own."
)
CONFLICTS = Counter(
    "driftline_ledger_id_conflicts_total",
    "Records with the id of an entry but other bytes; each is an entry, and wants a look.",
)
GAPS = Counter(
    "driftline_ledger_gaps_total", "Ranges of records that were gone before the ledger could read them; signed as such."
)
FENCED = Counter("driftline_ledger_fenced_total", "Batches given up because another instance had recorded them.")
APPEND_SECONDS = Histogram(
    "driftline_ledger_append_seconds",
    "Time to append and sign one batch, durably.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
)
BATCH_ENTRIES = Histogram(
    "driftline_ledger_batch_entries", "Entries of one batch.", buckets=(1, 2, 5, 10, 25, 50, 100, 250, 500, 1000)
)
SIZE = Gauge("driftline_ledger_size_entries", "Entries in the ledger.")
SIGNED_SIZE = Gauge("driftline_ledger_signed_size_entries", "Entries that the last signed head covers.")
LAG = Gauge("driftline_ledger_lag_records", "Offsets that the ledger has not recorded yet, over all partitions.")
DIGEST_AGE_SECONDS = Gauge(
    "driftline_ledger_open_digest_age_seconds", "Age of the oldest record that waits in memory for its digest."
)
SOURCES_LOST = Gauge(
    "driftline_ledger_sources_lost", "Partitions that end before the position of the ledger: Kafka has lost records."
)
GUARDS_RESTORED = Gauge("driftline_ledger_guards_restored", "Guards of the database that were missing at the last start.")
VERIFY_OK = Gauge(
    "driftline_ledger_verify_ok", "1 if the last verification found the ledger valid, 0 if it did not, NaN before the first."
)
VERIFY_OK.set(math.nan)  # 0 would be an alarm
VERIFY_TIME = Gauge(
    "driftline_ledger_verify_timestamp_seconds", "When the last verification ended, before the first when the service began."
)
VERIFY_INTERVAL = Gauge("driftline_ledger_verify_interval_seconds", "Time between verifications; 0 where there are none.")
VERIFY_SECONDS = Gauge("driftline_ledger_verify_seconds", "How long the last verification took.")
VERIFY_FINDINGS = Gauge("driftline_ledger_verify_findings", "Findings of the last verification.")
PUBLISHED = Counter("driftline_ledger_checkpoints_published_total", "Signed heads published on the topic checkpoints.")
UNWITNESSED_ENTRIES = Gauge(
    "driftline_ledger_unwitnessed_entries",
    "Entries that no head with a quorum of witnesses covers; NaN where there is no policy of witnesses.",
)
UNWITNESSED_ENTRIES.set(math.nan)
UNWITNESSED_SECONDS = Gauge(
    "driftline_ledger_unwitnessed_seconds",
    "Age of the oldest entry that no head with a quorum of witnesses covers, 0 for none; NaN where there is no policy of witnesses.",
)
UNWITNESSED_SECONDS.set(math.nan)
WITNESS_SIZE = Gauge(
    "driftline_ledger_witness_size_entries", "Entries under the last head that a witness cosigned.", ["witness"]
)
WITNESS_REQUESTS = Counter(
    "driftline_ledger_witness_requests_total",
    "Heads shown to a witness: cosigned, away, failed, history_refused.",
    ["witness", "result"],
)
ANCHORED = Counter("driftline_ledger_anchors_written_total", "Signed heads written to the place for anchors.")
ANCHORED_SIZE = Gauge("driftline_ledger_anchored_size_entries", "Entries under the last head that was anchored.")
MESSAGES_KEPT = Counter("driftline_ledger_messages_kept_total", "Messages written to the archive beside their digest.")
MESSAGE_BYTES_KEPT = Counter("driftline_ledger_message_bytes_kept_total", "Bytes of the files of messages in the archive.")
JOB_OK = Gauge(
    "driftline_ledger_job_ok",
    "1 if the last run of a job (verification, archive, expire, messages, report) did what it should, 0 if it could not.",
    ["job"],
)
JOB_TIME = Gauge("driftline_ledger_job_timestamp_seconds", "When the last run of a job that did what it should ended.", ["job"])
JOB_SECONDS = Gauge("driftline_ledger_job_seconds", "How long the last run of a job took.", ["job"])
JOB_DONE = Counter(
    "driftline_ledger_job_done_total",
    "Payloads archived or erased by retention, files of messages checked, reports written.",
    ["job"],
)
JOB_FAILURES = Counter("driftline_ledger_job_failures_total", "Runs of a job that could not be finished.", ["job"])
