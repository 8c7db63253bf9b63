"""Every metric of drift, in one place. `stage` is profile, join or evaluate."""

from prometheus_client import Counter, Gauge

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
LABELS = Counter("driftline_drift_labels_total", "Labels that stage join has accepted.")
CHANGED_LABELS = Counter(
    "driftline_drift_changed_labels_total",
    "Labels that said something else than the one of their id before: it was taken back.",
)
REPEATED_LABELS = Counter(
    "driftline_drift_repeated_labels_total", "Labels that said the same as the one of their id before: they changed nothing."
)
PAIRS = Counter(
    "driftline_drift_pairs_total",
    "Pairs of label and prediction, in time or later than label_delay; a changed label is a pair again.",
    ["part"],
)
JOIN_REBUILD_SECONDS = Gauge(
    "driftline_drift_join_rebuild_seconds", "How long the last rebuild of the label join took, in seconds."
)
JOIN_ENTRIES = Gauge("driftline_drift_join_entries", "Predictions and labels that the join remembers.")
SOURCE_RANGES = Counter(
    "driftline_drift_source_ranges_total",
    "Source ranges that progress spoke of, by verdict; gap, overlap and recreated make open windows inexact.",
    ["verdict"],
)
LOST_SETS = Counter(
    "driftline_drift_lost_profile_sets_total", "ProfileSets that progress counts and nobody saw, or the other way round."
)
LATE_AFTER_FINAL = Counter(
    "driftline_drift_late_after_final_rows_total", "Rows whose window was final when they came; reports count them apart."
)
REPORTS = Counter(
    "driftline_drift_window_reports_total",
    "WindowReports, by what was decided and by what closed the window: max_wait is a source that kept others waiting.",
    ["decision", "closed_by"],
)
INEXACT_REPORTS = Counter(
    "driftline_drift_inexact_window_reports_total", "WindowReports that say exact=false: rows were lost or counted twice."
)
DRIFT_EVENTS = Counter("driftline_drift_events_total", "DriftDetected and DriftCleared, by kind of drift.", ["event", "kind"])
CHECKS = Counter(
    "driftline_drift_checks_total",
    "Checks that ended, by what made them run and by how: failed ones waited in vain for a source partition.",
    ["trigger", "status"],
)
CHECK_ALERTS = Counter("driftline_drift_check_alerts_total", "Checks whose verdict was WARNING or CRITICAL.")
CHECK_WAIT_SECONDS = Counter(
    "driftline_drift_check_wait_seconds_total",
    "Time from the beginning of checks to their end; a mean over their number is usual.",
)
