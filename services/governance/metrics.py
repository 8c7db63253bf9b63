"""Every metric of governance, in one place."""

from prometheus_client import Counter, Gauge, Histogram

EVENTS_WRITTEN = Counter(
    "driftline_governance_events_written_total",
    "Events that governance has written and the broker has acknowledged.",
    ["event"],
)
REFUSALS = Counter(
    "driftline_governance_refusals_total",
    "Requests that were refused; conflict = somebody else was faster or the step is not allowed.",
    ["reason"],
)
CHANGE_SECONDS = Histogram(
    "driftline_governance_change_seconds",
    "Time from taking up a change to the broker's acknowledgement.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
RECORDS_READ = Counter(
    "driftline_governance_records_read_total",
    "Records read from the topics that governance follows.",
)
MODELS = Gauge("driftline_governance_models", "Registered models.")
VERSIONS = Gauge("driftline_governance_versions", "Registered model versions by stage.", ["stage"])
MONITORS = Gauge(
    "driftline_governance_monitors",
    "Monitors by the state of their latest version; anything but ACTIVE and PAUSED wants a look.",
    ["state"],
)
COMPLIANCE_SCORE = Gauge(
    "driftline_governance_compliance_score",
    "Score of the last compliance report of a model, 0 to 1; below 0.8 it is an alert.",
    ["model_id"],
)
UNDECLARED = Gauge(
    "driftline_governance_models_without_requirements",
    "Models with a version in PRODUCTION of which nothing is required; driftline compliance require MODEL.",
)
