"""Every metric of the console, in one place."""

from prometheus_client import Counter, Gauge, Histogram

RECORDS_READ = Counter("driftline_console_records_read_total", "Records that the read models have taken in.")
TAKE_SECONDS = Histogram(
    "driftline_console_take_seconds",
    "Time to put one batch of records into the read models.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
LAG_RECORDS = Gauge("driftline_console_lag_records", "Records on the topics that the page does not show yet.")
LIVE_PAGES = Gauge("driftline_console_live_pages", "Open pages that are fed live.")
LOGINS = Counter("driftline_console_logins_total", "Attempts to log in.", ["outcome"])
