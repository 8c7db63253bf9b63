"""Every metric of alerting, in one place."""

from prometheus_client import Counter, Gauge, Histogram

EVENTS = Counter(
    "driftline_alerting_events_total",
    "Events handled, by what came of them: fired, resolved, duplicate, or why they changed nothing.",
    ["outcome"],
)
ALERTS_ACTIVE = Gauge("driftline_alerting_alerts_active", "Alerts that hold now.", ["priority"])
DECISIONS = Counter(
    "driftline_alerting_decisions_total",
    "Looks at groups that called for a notification, by reason, and by why it was suppressed (empty: it was not).",
    ["reason", "suppressed"],
)
NOTIFICATIONS = Counter(
    "driftline_alerting_notifications_total",
    "Tries to send, by channel and result: sent, retried or failed (given up).",
    ["channel", "result"],
)
CONFIG_RELOAD_SUCCESSFUL = Gauge(
    "driftline_alerting_config_last_reload_successful",
    "1 where the configuration as it was last read is in force, 0 where it could not be used and an older one is.",
)
ROTA_AGE_SECONDS = Gauge(
    "driftline_alerting_rota_age_seconds", "Since when the source of a rota could not be read and used any more.", ["rota"]
)
OVERDUE = Gauge(
    "driftline_alerting_overdue",
    "1 where something was due for minutes and was not done: escalation, acknowledgement, group, event or notification.",
    ["what"],
)
AUDIT_SUCCESS_TIMESTAMP_SECONDS = Gauge(
    "driftline_alerting_audit_success_timestamp_seconds", "When the auditor last found everything done that was due."
)
TEMPLATE_FAILURES = Counter(
    "driftline_alerting_template_failures_total",
    "Own texts that could not be rendered for a notification, which went out with our words instead.",
    ["receiver"],
)
SEND_SECONDS = Histogram(
    "driftline_alerting_send_seconds",
    "Time that a channel took to answer one try.",
    ["channel"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
OUTBOX_PENDING = Gauge("driftline_alerting_outbox_pending", "Notifications that are still to be sent.")
OUTBOX_AGE_SECONDS = Gauge(
    "driftline_alerting_outbox_age_seconds", "Age of the oldest notification that is still to be sent; 0 where none waits."
)
EVENT_OUTBOX_AGE_SECONDS = Gauge(
    "driftline_alerting_event_outbox_age_seconds",
    "Age of the oldest event that Kafka has not acknowledged; 0 where none waits.",
)
GROUP_LATENESS_SECONDS = Gauge(
    "driftline_alerting_group_lateness_seconds", "By how much the last look at a group came after its tick."
)
RESPONSE_WINDOWS = Counter(
    "driftline_alerting_response_windows_total", "Decided windows and words of serving adapters that the response took in."
)
RESPONSE_PLANS = Counter(
    "driftline_alerting_response_plans_total", "Steps of plans of the response, by the state that they led to.", ["state"]
)
RESPONSE_EFFECTS = Counter(
    "driftline_alerting_response_effects_total",
    "Tries to bring an action to the outside, by way and result: sent, retried or failed (given up).",
    ["delivery", "result"],
)
RESPONSE_SWITCHED_OFF = Gauge(
    "driftline_alerting_response_switched_off", "Models whose automation is switched off, by hand or because it did not help."
)
