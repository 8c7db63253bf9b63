"""A monitor as its owner writes it, laid over the defaults: everything of a `Monitor` but its version and its beginning."""

from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import available_timezones

from driftline.envelope import moment_of
from driftline.events import ColumnKind, Deduplicate, Monitor, MonitorColumn, Task
from driftline.events.columns import LABEL
from driftline.governance import metrics, policy
from driftline.governance.checking import checking
from driftline.governance.checks import (
    DEFAULT_WEIGHTS,
    FAMILIES,
    MEASURES,
    NEED_LABELS,
    OTHER_NAMES,
    Limits,
    defaults_for,
    to_thresholds,
)
from driftline.governance.document import read_document
from driftline.governance.errors import DefinitionRefused, Problem
from driftline.governance.fields import Fields, nearest
from driftline.governance.periods import (
    DAY_US,
    HOUR_US,
    MINUTE_US,
    SECOND_US,
    granularity_length,
    parse_duration,
    parse_granularity,
)
from driftline.governance.references import references
from driftline.topics import catalogue

DEFAULT_GRANULARITIES = ("1 hour", "1 day", "1 week")
PREFERRED_ALERT_GRANULARITY = "1 day"

DURATIONS: Mapping[str, int] = {
    "lateness": 5 * MINUTE_US,
    "idle_timeout": 60 * SECOND_US,
    "max_wait": HOUR_US,
    "label_delay": DAY_US,
    "label_ttl": 30 * DAY_US,
    "future_skew": 5 * MINUTE_US,
}
"""Keys that hold a duration, and their defaults in microseconds."""

KEYS = (
    *(
        "model",
        "description",
        "task",
        "positive_class",
        "baseline",
        "columns",
        "labels",
        "granularities",
        "time_zone",
        "references",
        "alert_on",
    ),
    *DURATIONS,
    *policy.KEYS,
    "metrics",
    "deduplicate",
    *("minimum_n", "thresholds", "weights", "check", "retired_versions", "paused", "effective_from"),
)


@dataclass(frozen=True, slots=True)
class BaselineFacts:
    """What a definition is checked against of its baseline."""

    columns: Mapping[str, ColumnKind]
    """Kinds of its columns by name."""
    classes: tuple[str, ...] = ()
    """Classes that the model predicted in it; empty where it predicts numbers, or they are not known."""
    sampled: bool = False
    """Whether it has kept rows."""

    @property
    def inputs(self) -> dict[str, ColumnKind]:
        """Columns that can be watched."""
        return {name: kind for name, kind in self.columns.items() if name != LABEL}


MAX_COLUMNS = 1000
_VERSION_UNSET = 0


@dataclass(frozen=True, slots=True)
class Definition:
    """A definition that was understood.

    `monitor` is complete but for `monitor_version` and `effective_from` (0 in both), which `monitors.plan` decides.
    `effective_from` is the time that the definition asks for, None = the default.
    """

    monitor: Monitor
    effective_from: int | None = None


def baseline_named(text: str) -> str | None:
    """The baseline that a definition names, so that it can be fetched; None if there is none. Raises DefinitionRefused."""
    named = read_document(text).values.get("baseline")
    return named if isinstance(named, str) else None


def parse_definition(
    text: str, *, model_id: str, actor: str, baseline: BaselineFacts | None, dialect: policy.Dialect | None = None
) -> Definition:
    """Read a YAML or JSON definition of the monitor of `model_id`.

    `baseline`: facts of the baseline that it names; None = no such baseline is known. `dialect`: who understands tolerance
    and SQL; without it metrics are refused, and limits decide.
    Raises DefinitionRefused with every fault at once, each with its line, field and remedy.
    """
    document = read_document(text)
    problems: list[Problem] = []
    fields = Fields(document, problems, document.values)
    fields.refuse_unknown(KEYS)
    _check_model(fields, model_id)
    _check_baseline(fields, baseline)
    monitor = _monitor(fields, model_id, actor, baseline, dialect)
    effective_from = fields.parsed("effective_from", None, moment_of)
    if dialect is not None and not problems:
        for field, detail in dialect.faults(monitor):
            fields.problem(field, detail)
    if problems:
        raise DefinitionRefused(problems)
    return Definition(monitor, effective_from)


def _monitor(
    fields: Fields, model_id: str, actor: str, baseline: BaselineFacts | None, dialect: policy.Dialect | None
) -> Monitor:
    task = _task(fields)
    labels = fields.flag("labels", default=True)
    granularities = _granularities(fields)
    columns = _columns(fields, baseline.inputs if baseline else None)
    judging = policy.judging(fields, dialect)
    checks = checking(fields)
    names = [column.name for column in columns]
    positive_class = _positive_class(fields, task, baseline.classes if baseline else ())
    customers = metrics.of_customers(columns, positive_class, labels=labels)
    wanted = metrics.wanted(fields, dialect, customers=customers)
    protected = policy.protected(fields, names, task)
    lengths = _durations(fields)
    defaults = defaults_for(task, labels=labels, policy=judging.policy, protected=bool(protected))
    return Monitor(
        model_id=model_id,
        monitor_version=_VERSION_UNSET,
        effective_from=_VERSION_UNSET,
        task=task,
        positive_class=positive_class,
        columns=columns,
        baseline_id=fields.text("baseline") or "",
        labels=labels,
        granularities=granularities,
        time_zone=_time_zone(fields),
        references=references(fields, granularities),
        alert_on=_alert_on(fields, granularities),
        lateness_us=lengths["lateness"],
        idle_timeout_us=lengths["idle_timeout"],
        max_wait_us=lengths["max_wait"],
        label_delay_us=lengths["label_delay"],
        label_ttl_us=lengths["label_ttl"],
        future_skew_us=lengths["future_skew"],
        minimum_n=fields.whole("minimum_n", 200, low=1, high=1_000_000_000),
        thresholds=(
            *to_thresholds(_limits(fields, defaults, labels=labels, columns=columns)),
            *metrics.limits(fields, wanted),
        ),
        weights=_weights(fields),
        policy=judging.policy,
        tolerated_false_pages=judging.false_pages,
        tolerated_psi=judging.psi,
        slices=policy.slices(fields, names) if fields.names("slices") or not customers else metrics.usual_slices(columns),
        metrics=wanted[0],
        protected=protected,
        favourable=fields.text("favourable"),
        detectors=policy.detectors(fields, labels=labels),
        deduplicate=_deduplicate(fields),
        check_schedule=checks.schedule,
        check_enabled=checks.enabled,
        check_timeout_us=checks.timeout_us,
        multivariate=policy.multivariate(
            fields, sampled=baseline is None or baseline.sampled, numeric=_numeric_features(columns)
        ),
        retired_versions=tuple(sorted(set(fields.texts("retired_versions")))),
        paused=fields.flag("paused", default=False),
        description=fields.text("description") or "",
        actor=actor,
    )


def _durations(fields: Fields) -> dict[str, int]:
    """Microseconds by key."""
    lengths = {key: _duration(fields, key, default) for key, default in DURATIONS.items()}
    if lengths["label_ttl"] > (longest := _longest_label_ttl()):
        fields.problem(
            "label_ttl", f"is longer than the {longest // DAY_US} days for which predictions and labels are kept to be joined"
        )
    if lengths["label_delay"] > lengths["label_ttl"]:
        fields.problem("label_delay", "is longer than label_ttl; a label cannot be in time and too late at once")
    return lengths


def _longest_label_ttl() -> int:
    """What the retention of both source topics leaves, less the week that the join remembers longer."""
    kept = min(int(catalogue()[topic].config["retention.ms"]) for topic in ("predictions", "labels"))
    return kept * 1000 - 7 * DAY_US


def _check_model(fields: Fields, model_id: str) -> None:
    named = fields.text("model")
    if named is not None and named != model_id:
        fields.problem("model", f"the definition is for {named!r} but was sent for {model_id!r}; make them agree")


def _task(fields: Fields) -> Task:
    word = fields.text("task", "binary") or "binary"
    try:
        return Task(word.upper().removeprefix("PROBLEM_TYPE_").replace("CLASSIFICATION", "BINARY"))
    except ValueError:
        fields.problem("task", f"{word!r} is no task; {nearest(word, [task.lower() for task in Task])}")
        return Task.BINARY


def _positive_class(fields: Fields, task: Task, classes: tuple[str, ...]) -> str | None:
    named = fields.text("positive_class")
    if named is not None and task is not Task.BINARY:
        fields.problem("positive_class", "only a binary task has one; leave it out")
    if task is Task.BINARY and "positive_class" not in fields:
        fields.problem("positive_class", 'is missing: name the class that the score is the probability of, such as "late"')
    elif named is not None and classes and named not in classes:
        fields.problem("positive_class", f"the model never predicted {named!r} in the baseline; {nearest(named, classes)}")
    return named


def _deduplicate(fields: Fields) -> Deduplicate:
    word = fields.text("deduplicate")
    if word not in {None, "id"}:
        fields.problem("deduplicate", f"{word!r} is nothing that can come once only; write id, or leave the key out")
    return Deduplicate.ID if word == "id" else Deduplicate.NONE


def _granularities(fields: Fields) -> tuple[str, ...]:
    written = fields.texts("granularities")
    found = set()
    for index, text in enumerate(written):
        try:
            found.add(parse_granularity(text))
        except ValueError as error:
            fields.problem(f"granularities[{index}]", str(error))
    if fields.names("granularities") and not written:
        fields.problem("granularities", "name at least one, or leave the key out")
    return tuple(sorted(found, key=lambda text: (granularity_length(text), text))) or DEFAULT_GRANULARITIES


def _alert_on(fields: Fields, granularities: tuple[str, ...]) -> str:
    usual = PREFERRED_ALERT_GRANULARITY if PREFERRED_ALERT_GRANULARITY in granularities else granularities[0]
    chosen = fields.parsed("alert_on", usual, parse_granularity)
    if chosen not in granularities:
        fields.problem("alert_on", f"{chosen!r} is none of the granularities {', '.join(granularities)}; take one of them")
    return chosen


def _time_zone(fields: Fields) -> str:
    zone = fields.text("time_zone", "UTC") or "UTC"
    if zone != "UTC" and zone not in available_timezones():
        fields.problem("time_zone", f"{zone!r} is no IANA time zone; {_nearest_zone(zone)}")
    return zone


def _nearest_zone(zone: str) -> str:
    city = zone.rsplit("/", 1)[-1].replace(" ", "_").lower()
    same = sorted(name for name in available_timezones() if name.rsplit("/", 1)[-1].lower() == city)
    return f"did you mean {same[0]!r}?" if same else 'write it like "Europe/Paris"'


def _duration(fields: Fields, key: str, default: int) -> int:
    length = fields.parsed(key, default, parse_duration)
    if length == 0 and key in {"idle_timeout", "max_wait", "label_ttl"}:
        fields.problem(key, "must be longer than nothing")
    return length


def _check_baseline(fields: Fields, known: BaselineFacts | None) -> None:
    named = fields.text("baseline")
    if named is None:
        fields.problem("baseline", "is missing: fit one with `driftline baseline fit FILE` and put its id here")
    elif known is None:
        fields.problem("baseline", f"no baseline {named!r} is published; fit and publish it with `driftline baseline fit FILE`")


def _columns(fields: Fields, baseline: Mapping[str, ColumnKind] | None) -> tuple[MonitorColumn, ...]:
    if "columns" not in fields:
        return tuple(MonitorColumn(name=name, kind=kind) for name, kind in (baseline or {}).items())
    section = fields.section("columns")
    names = section.keys()
    if not names:
        fields.problem("columns", "name at least one column, or leave the key out to take those of the baseline")
    if len(names) > MAX_COLUMNS:
        fields.problem("columns", f"{len(names)} columns are more than the {MAX_COLUMNS} that are watched")
    return tuple(_column(section, name, baseline) for name in names)


def _column(section: Fields, name: str, baseline: Mapping[str, ColumnKind] | None) -> MonitorColumn:
    required = False
    known = (baseline or {}).get(name)
    if section.is_mapping(name):
        below = section.section(name)
        below.refuse_unknown(("kind", "required"))
        required = below.flag("required", default=False)
        word = below.text("kind")
    else:
        word = section.text(name)
    try:
        kind = ColumnKind(word.upper()) if word is not None else known or ColumnKind.NUMERIC
    except ValueError:
        section.problem(name, f"{word!r} is no kind of column; write {', '.join(each.lower() for each in ColumnKind)}")
        return MonitorColumn(name=name, kind=known or ColumnKind.NUMERIC)
    if name.startswith(":") and kind in {ColumnKind.TIMESTAMP, ColumnKind.TEXT_LENGTH}:
        section.problem(name, "is what the model says; write numeric or categorical")
    elif baseline is not None and known is None:
        section.problem(name, f"the baseline has no such column; {nearest(name, baseline)}")
    elif known is not None and known is not kind:
        section.problem(
            name, f"is {kind.lower()} here but {known.lower()} in the baseline; fit a new baseline or change the kind"
        )
    return MonitorColumn(name=name, kind=kind, required=required)


def _limits(
    fields: Fields, defaults: Limits, *, labels: bool, columns: tuple[MonitorColumn, ...]
) -> dict[tuple[str, str, str | None], float | None]:
    limits = dict(defaults)
    section = fields.section("thresholds")
    section.refuse_unknown(FAMILIES)
    known = {column.name for column in columns}
    for family in MEASURES:
        if family in section and not labels and family in NEED_LABELS:
            section.problem(family, "needs outcomes, but labels is false; set labels: true or leave this family out")
        group = section.section(family)
        for name in group.keys():  # noqa: SIM118 - Fields is no mapping
            measure = OTHER_NAMES.get(name, name)
            if measure not in MEASURES[family]:
                group.problem(name, f"unknown measure of {family}; {nearest(measure, MEASURES[family])}")
            elif not group.is_mapping(name):
                limits[family, measure, None] = _limit(group, name)
            else:
                limits |= _limits_by_column(group.section(name), family, measure, known)
    return limits


def _limits_by_column(
    section: Fields, family: str, measure: str, known: set[str]
) -> dict[tuple[str, str, str | None], float | None]:
    for name in section.keys():  # noqa: SIM118 - Fields is no mapping
        if name != "*" and name not in known:
            section.problem(name, f'no such column is watched; {nearest(name, known)} ("*" stands for all others)')
    return {(family, measure, None if name == "*" else name): _limit(section, name) for name in section.keys()}  # noqa: SIM118


def _limit(section: Fields, name: str) -> float | None:
    limit = section.number(name)
    if limit is not None and limit < 0:
        section.problem(name, f"{limit} is below 0, which no measure is; write the size of the limit")
    return limit


def _weights(fields: Fields) -> dict[str, float]:
    section = fields.section("weights")
    section.refuse_unknown(FAMILIES)
    weights = dict(DEFAULT_WEIGHTS)
    for family in FAMILIES:
        if section.names(family):
            weights[family] = section.number(family) or 0.0
            if weights[family] < 0:
                section.problem(family, "a weight is 0 or more")
    if not any(weight > 0 for weight in weights.values()):
        fields.problem("weights", "at least one family must weigh something")
    return {family: weight for family, weight in weights.items() if weight}


def _numeric_features(columns: tuple[MonitorColumn, ...]) -> int:
    return sum(column.kind.numeric and not column.name.startswith(":") for column in columns)
