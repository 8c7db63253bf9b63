"""Windows of the past that a definition compares windows with, beside the baseline."""

from __future__ import annotations

from collections.abc import Sequence

from driftline.events import MonitorReference, Reference
from driftline.governance.fields import Fields, nearest
from driftline.governance.periods import DAY_US, WEEK_US, granularity_length, parse_granularity

__all__ = ["references"]

_NAMES = {reference.lower(): reference for reference in (Reference.CONSECUTIVE, Reference.SEASON)}


def references(fields: Fields, granularities: Sequence[str]) -> tuple[MonitorReference, ...]:
    """Read `references`: a list of `consecutive` and `season`, or a mapping of them to the granularities that are compared.

    Where it is not said for which: `consecutive` of a day or longer (hours flap daily), `season` of less than a week. Where the
    key is missing, windows are compared with the baseline only.
    """
    usual = {
        Reference.CONSECUTIVE: [text for text in granularities if granularity_length(text) >= DAY_US],
        Reference.SEASON: [text for text in granularities if _within_a_week(text)],
    }
    if fields.is_mapping("references"):
        chosen = _mapped(fields.section("references"), granularities, usual)
    else:
        chosen = {}
        for index, text in enumerate(fields.texts("references")):
            reference = _named(fields, f"references[{index}]", text)
            if reference is not None:
                chosen[reference] = usual[reference]
                if not usual[reference]:
                    fields.problem(
                        f"references[{index}]", f"speaks of none of {', '.join(granularities)}; {_REMEDY[reference]}"
                    )
    return tuple(
        MonitorReference(reference=reference, granularities=tuple(chosen[reference]))
        for reference in _NAMES.values()
        if chosen.get(reference)
    )


_REMEDY = {
    Reference.CONSECUTIVE: "it is for those of a day or longer unless you name others: consecutive: [1 hour]",
    Reference.SEASON: "it is for those shorter than a week; consecutive compares weeks",
}


def _mapped(section: Fields, granularities: Sequence[str], usual: dict[Reference, list[str]]) -> dict[Reference, list[str]]:
    chosen = {}
    for name in section.keys():  # noqa: SIM118 - Fields is no mapping
        reference = _named(section, name, name)
        if reference is None:
            continue
        chosen[reference] = usual[reference] if name not in section else _granularities(section, name, granularities)
        for text in chosen[reference]:
            if reference is Reference.SEASON and not _within_a_week(text):
                section.problem(name, f"{text!r} is no shorter than a week; {_REMEDY[reference]}")
    return chosen


def _granularities(section: Fields, name: str, known: Sequence[str]) -> list[str]:
    found = []
    for index, text in enumerate(section.texts(name)):
        try:
            found.append(parse_granularity(text))
        except ValueError as error:
            section.problem(f"{name}[{index}]", str(error))
            continue
        if found[-1] not in known:
            section.problem(f"{name}[{index}]", f"{text!r} is none of the granularities {', '.join(known)}; take one of them")
    return sorted(set(found), key=known.index) if set(found) <= set(known) else []


def _named(fields: Fields, key: str, text: str) -> Reference | None:
    found = _NAMES.get(text.lower())
    if found is None:
        fields.problem(key, f"{text!r} is no window of the past; {nearest(text, _NAMES)}")
    return found


def _within_a_week(granularity: str) -> bool:
    return granularity_length(granularity) < WEEK_US
