"""Every metric of a witness, in one place."""

from prometheus_client import Counter, Gauge

REQUESTS = Counter("driftline_witness_requests_total", "Requests to cosign a head, by the answer's code.", ["code"])
SIZE = Gauge("driftline_witness_size_entries", "Entries under the largest head that was cosigned.", ["log"])
