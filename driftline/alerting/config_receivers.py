"""Receivers of the configuration, and the defaults that `global` gives them.

An integration that is not sent to, a field that is not honoured and a template of Go are faults that name the field; texts of messages are
Jinja2 (`config_texts`).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from driftline.alerting.addresses import keeps_secrets
from driftline.alerting.channels.ticket import Tracker, check_template
from driftline.alerting.config_document import Field
from driftline.alerting.config_texts import read_texts, take_texts
from driftline.alerting.durations import parse_duration, parse_go_duration
from driftline.alerting.pace import MOST_PER_MINUTE
from driftline.alerting.routing import ChannelSpec, Receiver

KINDS = ("slack", "email", "teams", "pagerduty", "webhook")
"""Channels that can be named: the settings of the service hold their addresses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Integration:
    """A kind of `<name>_configs`."""

    kind: str
    fields: frozenset[str]
    send_resolved: bool = True
    needs: tuple[tuple[str, ...], ...] = ()
    """Of each of these one field must be there, after `global` was filled in."""
    defaults: Mapping[str, str] = field(default_factory=dict)
    """Fields that take a field of `global` where they are absent."""
    texts: frozenset[str] = frozenset()
    """Fields that hold texts in Jinja2; `headers` may hold the subject."""


INTEGRATIONS: Mapping[str, Integration] = {
    "webhook_configs": Integration(
        kind="webhook",
        fields=frozenset({"url", "url_file", "secret_file", "timeout"}),
        needs=(("url", "url_file"),),
    ),
    "slack_configs": Integration(
        kind="slack",
        fields=frozenset({"api_url", "api_url_file", "app_token", "app_token_file", "channel", "timeout"}),
        send_resolved=False,
        needs=(("api_url", "api_url_file", "app_token", "app_token_file"),),
        defaults={
            "api_url": "slack_api_url",
            "api_url_file": "slack_api_url_file",
            "app_token": "slack_app_token",
            "app_token_file": "slack_app_token_file",
        },
        texts=frozenset({"title", "text"}),
    ),
    "pagerduty_configs": Integration(
        kind="pagerduty",
        fields=frozenset({"routing_key", "routing_key_file", "url", "timeout"}),
        needs=(("routing_key", "routing_key_file"),),
        defaults={"url": "pagerduty_url"},
        texts=frozenset({"description"}),
    ),
    "email_configs": Integration(
        kind="email",
        fields=frozenset(
            {
                "to",
                "from",
                "smarthost",
                "auth_username",
                "auth_password",
                "auth_password_file",
                "require_tls",
                "force_implicit_tls",
            }
        ),
        send_resolved=False,
        needs=(("to",), ("from",), ("smarthost",)),
        defaults={
            "from": "smtp_from",
            "smarthost": "smtp_smarthost",
            "auth_username": "smtp_auth_username",
            "auth_password": "smtp_auth_password",
            "auth_password_file": "smtp_auth_password_file",
            "require_tls": "smtp_require_tls",
            "force_implicit_tls": "smtp_force_implicit_tls",
        },
        texts=frozenset({"subject", "headers", "text", "html"}),
    ),
    "msteamsv2_configs": Integration(
        kind="teams",
        fields=frozenset({"webhook_url", "webhook_url_file", "timeout"}),
        needs=(("webhook_url", "webhook_url_file"),),
        texts=frozenset({"title", "text"}),
    ),
    "splunk_hec_configs": Integration(
        kind="splunk_hec",
        fields=frozenset({"url", "token", "token_file", "index", "sourcetype", "timeout"}),
        needs=(("url",), ("token", "token_file")),
    ),
    "apprise_configs": Integration(
        kind="apprise",
        fields=frozenset({"url", "url_file", "timeout"}),
        needs=(("url", "url_file"),),
        texts=frozenset({"title", "text"}),
    ),
    "ticket_configs": Integration(
        kind="ticket",
        fields=frozenset(
            {
                "type",
                "url",
                "user",
                "token",
                "token_file",
                "project",
                "issue_type",
                "labels",
                "title",
                "description",
                "timeout",
            }
        ),
        needs=(("type",), ("url",), ("project",), ("token", "token_file")),
    ),
}

_ELSEWHERE = "is not sent to as such; use apprise_configs with a URL of Apprise, or webhook_configs with a receiver of your own"
NOT_SENT_TO: Mapping[str, str] = {
    **dict.fromkeys(
        ("opsgenie_configs", "pushover_configs", "victorops_configs", "wechat_configs", "sns_configs", "telegram_configs"),
        _ELSEWHERE,
    ),
    **dict.fromkeys(
        ("discord_configs", "webex_configs", "rocketchat_configs", "mattermost_configs", "incidentio_configs"),
        _ELSEWHERE,
    ),
    "jira_configs": "is not understood; use ticket_configs with type: jira (docs/channels)",
    "msteams_configs": "is not sent to: Microsoft retired these connectors; make a Workflows webhook and use msteamsv2_configs",
}
"""Integrations of Alertmanager that are refused, with the remedy."""

_UNUSED_GLOBALS = frozenset(
    {"opsgenie_api_url", "opsgenie_api_key", "opsgenie_api_key_file", "victorops_api_url", "victorops_api_key"}
    | {"victorops_api_key_file", "wechat_api_url", "wechat_api_secret", "wechat_api_secret_file", "wechat_api_corp_id"}
    | {"telegram_api_url", "telegram_bot_token", "telegram_bot_token_file", "webex_api_url", "jira_api_url"}
    | {"rocketchat_api_url", "rocketchat_token", "rocketchat_token_file", "rocketchat_token_id", "rocketchat_token_id_file"}
    | {"mattermost_webhook_url", "mattermost_webhook_url_file"}
)
"""Defaults of integrations that are refused where a receiver has them; without one they say nothing."""

_GLOBALS = frozenset({"resolve_timeout"}) | _UNUSED_GLOBALS
_GLOBALS |= {name for one in INTEGRATIONS.values() for name in one.defaults.values()}
_HTTP = "is not supported: proxies, TLS and authorization are set in the environment of the service; remove it"
_MESSAGE = "is not supported: the message of this channel has no such part that can be replaced; remove it"
_REMEDIES = {
    **dict.fromkeys(("http_config", "smtp_tls_config", "tls_config"), _HTTP),
    **dict.fromkeys(
        ("title", "title_link", "pretext", "text", "html", "fallback", "color", "footer", "fields", "actions"), _MESSAGE
    ),
    **dict.fromkeys(("description", "severity", "details", "images", "links", "headers", "payload", "max_alerts"), _MESSAGE),
    "service_key": "is of the Events API v1, which is not supported; make an integration of type Events API v2 and use routing_key",
}

_OF_ALL = frozenset({"send_resolved", "max_per_minute"})
"""Fields of every integration."""

_ADDRESSES = frozenset({"url", "api_url", "webhook_url"})
_ROUTING_KEY = 32
"""Characters of an integration key of PagerDuty."""
_APPRISE_URL = re.compile(r"[a-z][a-z0-9]*://\S")
_FLAGS = frozenset({"require_tls", "force_implicit_tls"})


@dataclass(frozen=True, slots=True)
class Global:
    """The section `global`."""

    values: Mapping[str, Field]
    resolve_timeout: int


def read_global(field: Field | None) -> Global:
    """Defaults for all receivers."""
    values = {} if field is None else field.mapping(_GLOBALS, _REMEDIES)
    timeout = values["resolve_timeout"].read(parse_duration) if "resolve_timeout" in values else None
    return Global(values, 300_000_000 if timeout is None else timeout)


def read_receivers(
    field: Field | None, everywhere: Global, apprise: Callable[[str], str], library: Mapping[str, str]
) -> dict[str, Receiver]:
    """The receivers by name; `apprise` reads a URL of Apprise and raises ValueError for what is none.

    `library`: the files that their texts may import, by name.
    """
    receivers: dict[str, Receiver] = {}
    for item in () if field is None else field.items():
        values = item.mapping({"name", "channels", *INTEGRATIONS}, NOT_SENT_TO)
        name = values["name"].text() if "name" in values else None
        if name is None:
            item.fault("has no name; give it one")
            name = item.path
        if name in receivers:
            values["name"].fault(f"{name!r} is the name of an earlier receiver; choose another")
        channels = _named(values["channels"]) if "channels" in values else []
        for section, integration in INTEGRATIONS.items():
            for number, one in enumerate(values[section].items() if section in values else ()):
                of = f"{name}/{integration.kind}/{number}"
                channels.append(_configured(one, of, integration, everywhere, apprise, library=library))
        receivers[name] = Receiver(name, tuple(channels))
    return receivers


def _named(field: Field) -> list[ChannelSpec]:
    kinds: list[str] = []
    for item in field.items():
        kind = item.text()
        if kind is None:
            continue
        if kind not in KINDS:
            item.fault(f"Unknown channel: {kind}; known are {', '.join(KINDS)}")
        elif kind in kinds:
            item.fault(f"{kind} stands twice; keep one")
        else:
            kinds.append(kind)
    return [ChannelSpec(kind=kind, name=kind) for kind in kinds]


def _configured(
    field: Field,
    name: str,
    integration: Integration,
    everywhere: Global,
    apprise: Callable[[str], str],
    *,
    library: Mapping[str, str],
) -> ChannelSpec:
    remedies = {name: text for name, text in _REMEDIES.items() if name not in integration.fields}
    values = field.mapping({*_OF_ALL, *integration.fields, *integration.texts}, remedies)
    texts = read_texts(take_texts(values, integration.texts), library)
    for own, general in integration.defaults.items():
        if general in everywhere.values and not _says_itself(own, values):
            values[own] = everywhere.values[general]
    for choices in integration.needs:
        if not any(choice in values for choice in choices):
            field.fault(f"{choices[0]} is missing; set {' or '.join(choices)}")
    options = {
        own: _value(integration.kind, own, value, apprise) for own, value in values.items() if own not in (*_OF_ALL, "timeout")
    }
    resolved = values["send_resolved"].boolean() if "send_resolved" in values else None
    timeout = _timeout(values.get("timeout"))
    webhook = integration.kind == "webhook"
    return ChannelSpec(
        kind=integration.kind,
        name=name,
        send_resolved=integration.send_resolved if resolved is None else resolved,
        url=options.pop("url", None) if webhook else None,
        secret_file=options.pop("secret_file", None) if webhook else None,
        timeout_seconds=30.0 if timeout is None else timeout / 1_000_000,
        max_per_minute=values["max_per_minute"].read(_per_minute) if "max_per_minute" in values else None,
        options={own: value for own, value in options.items() if value is not None},
        texts=texts,
    )


def _per_minute(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MOST_PER_MINUTE):
        raise ValueError(f"must be a whole number of messages, 1 to {MOST_PER_MINUTE:,}")
    return int(text)


def _says_itself(own: str, values: Mapping[str, Field]) -> bool:
    """Whether a receiver sets a field, or its other form (`auth_password` and `auth_password_file`)."""
    stem = own.removesuffix("_file")
    return stem in values or f"{stem}_file" in values


def _timeout(field: Field | None) -> int | None:
    found = None if field is None else field.read(parse_go_duration)
    if field is not None and found == 0:
        return None  # as in Alertmanager: no limit of its own
    return found


def _value(kind: str, name: str, field: Field, apprise: Callable[[str], str]) -> Any:
    if name in _FLAGS:
        return field.boolean()
    value = field.plain()
    _refuse_templates(field, value)
    if not isinstance(value, str) or "{{" in value:
        return value
    parse = _parser(kind, name, apprise)
    return value if parse is None else field.read(parse)


def _parser(kind: str, name: str, apprise: Callable[[str], str]) -> Callable[[str], str] | None:
    """What reads a field; None where it may be anything."""
    if kind == "apprise":
        return apprise if name == "url" else None
    if kind == "ticket" and name in _OF_TICKETS:
        return _OF_TICKETS[name]
    if name == "routing_key":
        return _routing_key
    if name not in _ADDRESSES:
        return None
    return _address if kind == "webhook" else _secret_address


def _tracker(text: str) -> str:
    if text not in set(Tracker):
        raise ValueError(f"must be {' or '.join(Tracker)}")
    return text


_OF_TICKETS: Mapping[str, Callable[[str], str]] = {"type": _tracker, "title": check_template, "description": check_template}


def _secret_address(text: str) -> str:
    """The address of a channel whose path or headers are a secret."""
    if not keeps_secrets(text):
        raise ValueError("must begin with https://: what is sent there is secret")
    return text


def _routing_key(text: str) -> str:
    if len(text) != _ROUTING_KEY:
        raise ValueError(f"must be an integration key of {_ROUTING_KEY} characters, which this is not")
    return text


def _address(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError("must begin with https:// or http://")
    return text


def apprise_form(text: str) -> str:
    """Return a text that has the form of Apprise's URLs; raises ValueError."""
    if not _APPRISE_URL.match(text):
        raise ValueError("must be a URL of Apprise, such as discord://id/token")
    return text


def _refuse_templates(field: Field, value: Any) -> None:
    texts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
    for text in texts:
        if isinstance(text, str):
            if "{{" in text:
                field.fault(
                    "is a template of Go, which is not supported; write a fixed text, or remove it for the usual message"
                )
                return
        else:
            _refuse_templates(field, text)
