"""A requirement of record keeping, and the questions that a ledger can be asked about one: evidence or what is missing, never a verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from driftline.ledger.evidence import Evidence, Field
from driftline.ledger.keeping import DAY_US, EVERY_TOPIC
from driftline.ledger.report import Verdict
from driftline.wording import amount

__all__ = [
    "Answer",
    "Probe",
    "Requirement",
    "State",
    "archived",
    "elsewhere",
    "ends",
    "erasure",
    "has",
    "kept",
    "occurs",
    "reviewed",
    "verified",
    "witnessed",
]

REVIEW_DAYS: Final = 90
"""A review this old is no evidence that anybody still looks: as far back as officers may have evaluated controls, 15 USC 7241(a)(4)(C)."""


class State(StrEnum):
    """What the ledger shows of a requirement."""

    EVIDENCE = "evidence"
    PARTIAL = "partial"
    MISSING = "missing"
    ELSEWHERE = "elsewhere"
    """Evidence must come from outside of the ledger."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found out about a requirement, in words."""

    state: State
    said: str


Probe = Callable[[Evidence], Answer]
"""Asks a ledger's evidence."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """What is asked, by which text, and how the ledger is asked for it."""

    source: str
    asks: str
    probe: Probe


def has(*names: Field) -> Probe:
    """Ask whether entries have fields: the one that fewest have decides."""

    def probe(evidence: Evidence) -> Answer:
        having, of, name = min(
            ((found.having, found.of, name) for name in names for found in [evidence.coverage[name]]),
            key=lambda one: (one[0] / one[1]) if one[1] else 1.0,
        )
        if of == 0:
            return Answer(State.MISSING, "no entry of the period could have it")
        state = State.EVIDENCE if having == of else State.PARTIAL if having else State.MISSING
        return Answer(state, f"{having} of {of} entries ({having / of:.1%}) have {name.value.replace('_', ' ')}")

    return probe


def occurs(*actions: str) -> Probe:
    """Ask whether actions are on record; one that ends in a dot stands for all that begin so."""

    def probe(evidence: Evidence) -> Answer:
        count = {
            action: sum(
                n for name, n in evidence.actions.items() if name == action or (action[-1] == "." and name.startswith(action))
            )
            for action in actions
        }
        told = ", ".join(f"{n} of {action}{'*' if action[-1] == '.' else ''}" for action, n in count.items())
        there = sum(n > 0 for n in count.values())
        return Answer(State.EVIDENCE if there == len(count) else State.PARTIAL if there else State.MISSING, told)

    return probe


def kept(days: int) -> Probe:
    """Ask whether retention in force forbids to erase anything earlier."""

    def probe(evidence: Evidence) -> Answer:
        keep = {topic: evidence.keeping.policy(topic).keep_days or 0 for topic in evidence.topics or ("",)}
        short = sorted(_named(topic) for topic, kept in keep.items() if kept < days)
        if not short:
            return Answer(State.EVIDENCE, f"nothing is erased before {days} days")
        state = State.MISSING if len(short) == len(keep) else State.PARTIAL
        return Answer(state, f"no entry demands {days} days for {', '.join(short)} (driftline ledger retain)")

    return probe


def ends(evidence: Evidence) -> Answer:
    """Ask whether every topic, and what came by none, has a time after which payloads are erased."""
    topics = evidence.topics or ("",)
    endless = sorted(_named(topic) for topic in topics if evidence.keeping.policy(topic).expire_days is None)
    if not endless:
        return Answer(State.EVIDENCE, "every topic has a time after which payloads are erased")
    state = State.MISSING if len(endless) == len(topics) else State.PARTIAL
    return Answer(state, f"payloads of {', '.join(endless)} are kept without an end (driftline ledger retain --expire-days)")


def _named(topic: str) -> str:
    return topic or f"entries without a topic (retention of '{EVERY_TOPIC}')"


def verified(evidence: Evidence) -> Answer:
    """Ask what a verification made for this report said."""
    report = evidence.verification
    if report.verdict is Verdict.VALID:
        said = f"verified for this report at level {report.level.value}: {amount(report.entries, 'entry')}, {report.signed_size} signed"
        return Answer(State.EVIDENCE, said)
    if report.verdict is Verdict.UNVERIFIABLE:
        return Answer(
            State.MISSING, "consistent, but nothing signed vouches for it: no verifier key, or a part is not signed or gone"
        )
    first = report.first_bad
    place = "" if first is None else f"; the first is {first.kind.value} at entry {first.sequence}"
    return Answer(State.MISSING, f"THE LEDGER WAS TAMPERED WITH: {amount(report.invalid_entries, 'finding')}{place}")


def reviewed(evidence: Evidence) -> Answer:
    """Ask whether somebody has examined the ledger lately."""
    if not evidence.reviews:
        return Answer(State.MISSING, "no review is on record (driftline ledger review)")
    last = evidence.reviews[-1]
    age = (evidence.now - last.ts) // DAY_US
    said = f"reviews on record: {len(evidence.reviews)}, the last by {last.actor} {amount(age, 'day')} ago, of {amount(last.entries, 'entry')}: {last.verdict}"
    return Answer(State.EVIDENCE if age <= REVIEW_DAYS else State.PARTIAL, said)


def witnessed(evidence: Evidence) -> Answer:
    """Ask how much of the log witnesses outside have cosigned."""
    size, entries = evidence.witnessed_size, evidence.verification.entries
    if not size:
        return Answer(
            State.MISSING,
            "no witness outside has cosigned a head: who holds database and key could rewrite it "
            "(driftline ledger witness --policy FILE shows it to witnesses)",
        )
    state = State.EVIDENCE if size == entries else State.PARTIAL
    return Answer(state, f"witnesses cosigned {size} of {entries} entries, as stored (driftline ledger verify --level witness)")


def erasure(evidence: Evidence) -> Answer:
    """Ask for erasures on record."""
    if not evidence.erasures:
        return Answer(State.PARTIAL, "erasure is possible and would be an entry; none is on record")
    return Answer(
        State.EVIDENCE, f"{amount(evidence.erasures, 'erasure')}, each an entry with who and why; the hashes still verify"
    )


def archived(evidence: Evidence) -> Answer:
    """Ask for payloads that lie in an archive."""
    if not evidence.archived:
        return Answer(State.MISSING, "no payload lies in an archive, and a copy of the database is not on record here")
    return Answer(
        State.PARTIAL,
        f"{amount(evidence.archived, 'payload lies', 'payloads lie')} in the archive; a copy of the database is not on record here",
    )


def elsewhere(what: str) -> Probe:
    """Say what has to be shown from outside of the ledger."""
    return lambda _: Answer(State.ELSEWHERE, what)
