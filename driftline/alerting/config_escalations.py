"""Escalation policies and rotas of the configuration: words of our own beside Alertmanager's."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from driftline.alerting.config_document import Field, open_document
from driftline.alerting.durations import parse_duration
from driftline.alerting.errors import InvalidAlertingConfig
from driftline.alerting.escalation import REFRESH, Rota, RotaSource, Shift
from driftline.envelope import time_of

_LEVEL = frozenset({"wait", "receiver", "on_call", "repeat_interval", "mute_time_intervals", "active_time_intervals"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelSpec:
    """A level as written."""

    wait: int
    """From the level before, or from the firing; microseconds."""
    rota: Rota
    """Who is told; for `receiver` a rota of one."""
    repeat_interval: int | None
    """None: that of the route."""
    mute_time_intervals: tuple[str, ...]
    active_time_intervals: tuple[str, ...]


Policies = Mapping[str, tuple[LevelSpec, ...]]
"""Levels by the name of their policy."""


def read_rotas(field: Field | None, receivers: Collection[str]) -> dict[str, Rota]:
    """The section `on_call`, by name."""
    rotas: dict[str, Rota] = {}
    for item in () if field is None else field.items():
        values = item.mapping({"name", "shifts", "otherwise", "source"})
        name, otherwise = _text(item, values, "name"), _receiver(item, values, "otherwise", receivers)
        shifts = tuple(filter(None, (_shift(one, receivers) for one in values["shifts"].items()))) if "shifts" in values else ()
        source = _source(values["source"]) if "source" in values else None
        if source is not None and "shifts" in values:
            values["shifts"].fault("come from the source; remove one of both")
        if name in rotas:
            values["name"].fault(f"{name!r} is the name of an earlier rota; choose another")
        elif name is not None and otherwise is not None:
            possible = () if source is None else tuple(receivers)
            rotas[name] = Rota(name=name, shifts=shifts, otherwise=otherwise, source=source, possible=possible)
    return rotas


def read_shifts(text: str, receivers: Collection[str], *, source: str) -> tuple[Shift, ...]:
    """The shifts in a YAML or JSON text, as the section `on_call` has them. Raises InvalidAlertingConfig with all faults."""
    document = open_document(text, source)
    values = document.mapping({"shifts"})
    if "shifts" not in values and not document.findings.faults:
        document.fault("has no shifts; an empty list says that nobody has one")
    shifts = tuple(filter(None, (_shift(one, receivers) for one in values["shifts"].items()))) if "shifts" in values else ()
    if document.findings.faults:
        raise InvalidAlertingConfig(*document.findings.faults)
    return shifts


def _source(field: Field) -> RotaSource | None:
    values = field.mapping({"url", "file", "refresh"})
    if ("url" in values) == ("file" in values):
        field.fault("must name either a url or a file")
        return None
    refresh = values["refresh"].read(parse_duration) if "refresh" in values else REFRESH
    if refresh == 0:
        values["refresh"].fault("must be longer than 0")
    url, file = (values[name].text() if name in values else None for name in ("url", "file"))
    if url is not None and not url.startswith(("https://", "http://")):
        values["url"].fault("must begin with https:// or http://")
    return None if refresh is None else RotaSource(url=url, file=file, refresh=refresh)


def read_policies(
    field: Field | None, receivers: Collection[str], rotas: Mapping[str, Rota], intervals: Collection[str]
) -> dict[str, tuple[LevelSpec, ...]]:
    """The section `escalations`, by name."""
    policies: dict[str, tuple[LevelSpec, ...]] = {}
    for item in () if field is None else field.items():
        values = item.mapping({"name", "levels"})
        name = _text(item, values, "name")
        written = values["levels"].items() if "levels" in values else []
        if not written:
            item.fault("has no levels; add one with wait and receiver or on_call")
        levels = tuple(filter(None, (_level(one, receivers, rotas, intervals) for one in written)))
        if name in policies:
            values["name"].fault(f"{name!r} is the name of an earlier policy; choose another")
        elif name is not None:
            policies[name] = levels
    return policies


def _level(field: Field, receivers: Collection[str], rotas: Mapping[str, Rota], intervals: Collection[str]) -> LevelSpec | None:
    values = field.mapping(_LEVEL)
    wait = values["wait"].read(parse_duration) if "wait" in values else None
    if "wait" not in values:
        field.fault("has no wait; say how long nobody may take care before this level is told, such as 15m")
    repeat = values["repeat_interval"].read(parse_duration) if "repeat_interval" in values else None
    if repeat == 0:
        values["repeat_interval"].fault("must be longer than 0")
    rota = _who(field, values, receivers, rotas)
    if wait is None or rota is None:
        return None
    return LevelSpec(
        wait=wait,
        rota=rota,
        repeat_interval=repeat,
        mute_time_intervals=known_names(values.get("mute_time_intervals"), intervals, "time interval"),
        active_time_intervals=known_names(values.get("active_time_intervals"), intervals, "time interval"),
    )


def _who(field: Field, values: Mapping[str, Field], receivers: Collection[str], rotas: Mapping[str, Rota]) -> Rota | None:
    if ("receiver" in values) == ("on_call" in values):
        field.fault("must name either a receiver or, with on_call, a rota")
        return None
    if "receiver" in values:
        receiver = _receiver(field, values, "receiver", receivers)
        return None if receiver is None else Rota(name="", otherwise=receiver)
    name = values["on_call"].text()
    if name is not None and name not in rotas:
        values["on_call"].fault(f"{name!r} is no rota; defined under on_call are {', '.join(rotas) or 'none'}")
    return rotas.get(name or "")


def _shift(field: Field, receivers: Collection[str]) -> Shift | None:
    values = field.mapping({"receiver", "from", "until"})
    receiver = _receiver(field, values, "receiver", receivers)
    starts_at, ends_at = (_time(field, values, name) for name in ("from", "until"))
    if receiver is None or starts_at is None or ends_at is None:
        return None
    if ends_at <= starts_at:
        field.fault("must end after it begins")
    return Shift(receiver=receiver, starts_at=starts_at, ends_at=ends_at)


def known_names(field: Field | None, known: Collection[str], kind: str) -> tuple[str, ...]:
    """Names that something else defines; others are faults."""
    names = []
    for item in () if field is None else field.items():
        name = item.text()
        if name is not None and name not in known:
            item.fault(f"{name!r} is no {kind}; defined are {', '.join(known) or 'none'}")
        elif name is not None:
            names.append(name)
    return tuple(names)


def _receiver(field: Field, values: Mapping[str, Field], own: str, receivers: Collection[str]) -> str | None:
    name = _text(field, values, own)
    if name is not None and name not in receivers:
        values[own].fault(f"{name!r} is no receiver; defined are {', '.join(receivers) or 'none'}")
        return None
    return name


def _time(field: Field, values: Mapping[str, Field], own: str) -> int | None:
    return None if _text(field, values, own) is None else values[own].read(time_of)


def _text(field: Field, values: Mapping[str, Field], own: str) -> str | None:
    if own in values:
        return values[own].text()
    field.fault(f"{own} is missing; set it")
    return None
