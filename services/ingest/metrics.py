"""Every metric of ingest, in one place."""

from prometheus_client import Counter, Gauge, Histogram

EVENTS_ACCEPTED = Counter(
    "driftline_ingest_events_accepted_total",
    "Rows that the broker has acknowledged and the caller was told 202 for.",
    ["kind"],
)
EVENTS_REFUSED = Counter(
    "driftline_ingest_events_refused_total",
    "Rows that were refused, by reason; each is in the answer and among the dead letters.",
    ["kind", "reason"],
)
REQUESTS_TURNED_AWAY = Counter(
    "driftline_ingest_requests_turned_away_total",
    "Requests answered without being stored: busy = too much is being worked on (429), "
    "silent = the broker does not acknowledge (503).",
    ["cause"],
)
REQUESTS_REPLAYED = Counter(
    "driftline_ingest_requests_replayed_total",
    "Repeats of an Idempotency-Key that got the first answer again, without being stored a second time.",
)
ACKNOWLEDGE_SECONDS = Histogram(
    "driftline_ingest_acknowledge_seconds",
    "Time from handing the records of a request to the producer to the broker's acknowledgement of the last one.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
IN_FLIGHT_BYTES = Gauge("driftline_ingest_in_flight_bytes", "Bytes of the bodies of requests that are not answered yet.")
MODELS = Gauge("driftline_ingest_models", "Models with a monitor that counts: events of others are answered 404.")
