"""Every metric of drift, in one place. `stage` is profile, join or evaluate."""

from prometheus_client import Counter, Gauge, Histogram

ROWS = Counter("driftline_drift_rows_total", "Predictions that stage profile has accepted and counted.")
REFUSED = Counter(
    "driftline_drift_refused_rows_total",
    "Messages, or rows of a batch, that became dead letters; look at them with `driftline dead-letters list`.",
    ["stage", "reason"],
)
PARTIALS = Counter(
    "driftline_drift_partials_total",
    "Pane profiles written to the topic profiles. Many for few rows: many models or versions share little traffic.",
)
PROFILE_SETS = Counter("driftline_drift_profile_sets_total", "ProfileSets written to the topic profiles.")
COMMIT_INTERVAL = Gauge(
    "driftline_drift_commit_interval_seconds",
    "How often a stage commits at present; above 0.5 it is writing more partial counts than rows warrant.",
    ["stage"],
)
STAGE_UP = Gauge("driftline_drift_stage_up", "1 while the loop of a stage runs in this process.", ["stage"])
LABELS = Counter("driftline_drift_labels_total", "Labels that stage join has accepted.")
PAIRS = Counter("driftline_drift_pairs_total", "Labels that met their prediction, in time or later than label_delay.", ["part"])
JOIN_REBUILD_SECONDS = Gauge(
    "driftline_drift_join_rebuild_seconds", "How long the last rebuild of the label join took, in seconds."
)
JOIN_ENTRIES = Gauge("driftline_drift_join_entries", "Predictions and labels that the join remembers.")
WINDOWS_CLOSED = Counter(
    "driftline_drift_windows_closed_total", "Windows decided, by what closed them.", ["decision", "closed_by"]
)
WINDOWS_INEXACT = Counter(
    "driftline_drift_windows_inexact_total", "Windows published with exact=false: a source range had a gap or an overlap."
)
WINDOW_REPORTS = Counter("driftline_drift_window_reports_total", "WindowReports written, revisions included.")
RANGE_FAULTS = Counter(
    "driftline_drift_range_faults_total", "Gaps and overlaps between the source ranges of progress records.", ["kind"]
)
DRIFT_EVENTS = Counter("driftline_drift_events_total", "DriftDetected and DriftCleared written.", ["event", "kind"])
OPEN_PANES = Gauge("driftline_drift_open_panes", "Pane profiles that stage evaluate keeps.")
STALLED = Gauge(
    "driftline_drift_stalled_partitions",
    "Source partitions whose reader has not been heard of; they hold every window back.",
)
EVALUATE_SECONDS = Histogram(
    "driftline_drift_evaluate_seconds",
    "Time to work through one batch of profiles, in seconds.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)
