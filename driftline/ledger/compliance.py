"""What regimes of record keeping ask for, and what a ledger shows of it: evidence and what is missing, never a verdict.

Each requirement names its source; the wording is a digest of it. Read the text that is in force before you rely on this, and ask
somebody who may advise you: this is no legal advice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from driftline.ledger.evidence import Evidence, Field
from driftline.ledger.keeping import DAY_US
from driftline.ledger.report import Verdict

__all__ = ["REGIMES", "Assessment", "Finding", "Regime", "RegimeName", "Requirement", "State", "assess"]

YEAR_DAYS: Final = 365
REVIEW_DAYS: Final = 92
"""A review this old is no evidence that anybody still looks."""


class RegimeName(StrEnum):
    """The regimes that reports are made for."""

    SEC = "sec-17a-4"
    SOX = "sox"
    HIPAA = "hipaa"
    GDPR = "gdpr"
    AI_ACT = "eu-ai-act"
    PART_11 = "21-cfr-11"


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


@dataclass(frozen=True, slots=True)
class Requirement:
    """What is asked, by which text, and how the ledger is asked for it."""

    source: str
    asks: str
    probe: Probe


@dataclass(frozen=True, slots=True)
class Regime:
    """A regime and what it asks for."""

    title: str
    requirements: tuple[Requirement, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """A requirement with its answer."""

    source: str
    asks: str
    state: State
    said: str


@dataclass(frozen=True, slots=True)
class Assessment:
    """A report for one regime."""

    regime: RegimeName
    title: str
    evidence: Evidence
    findings: tuple[Finding, ...]

    @property
    def missing(self) -> tuple[Finding, ...]:
        """Return everything without full evidence in this ledger."""
        return tuple(finding for finding in self.findings if finding.state is not State.EVIDENCE)


def assess(regime: RegimeName, evidence: Evidence) -> Assessment:
    """Ask the evidence for everything that a regime wants."""
    known = REGIMES[regime]
    answered = ((one, one.probe(evidence)) for one in known.requirements)
    found = tuple(Finding(one.source, one.asks, answer.state, answer.said) for one, answer in answered)
    return Assessment(regime, known.title, evidence, found)


def _has(*names: Field) -> Probe:
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


def _occurs(*actions: str) -> Probe:
    """Ask whether actions are on record; one that ends in a dot stands for all that begin so."""

    def probe(evidence: Evidence) -> Answer:
        count = {
            action: sum(
                n for name, n in evidence.actions.items() if name == action or (action[-1] == "." and name.startswith(action))
            )
            for action in actions
        }
        told = ", ".join(f"{n} of {action.rstrip('.')}" for action, n in count.items())
        there = sum(n > 0 for n in count.values())
        return Answer(State.EVIDENCE if there == len(count) else State.PARTIAL if there else State.MISSING, told)

    return probe


def _kept(days: int) -> Probe:
    """Ask whether retention in force forbids to erase anything earlier."""

    def probe(evidence: Evidence) -> Answer:
        keep = {topic: evidence.keeping.policy(topic).keep_days or 0 for topic in evidence.topics or ("",)}
        short = sorted(topic or "entries without a topic" for topic, kept in keep.items() if kept < days)
        if not short:
            return Answer(State.EVIDENCE, f"nothing is erased before {days} days, in any of {len(keep)} topics")
        state = State.MISSING if len(short) == len(keep) else State.PARTIAL
        return Answer(state, f"no entry demands {days} days for {', '.join(short)} (driftline ledger retain)")

    return probe


def _ends(evidence: Evidence) -> Answer:
    endless = sorted(topic for topic in evidence.topics if evidence.keeping.policy(topic).expire_days is None)
    if not endless:
        return Answer(State.EVIDENCE, "every topic has a time after which payloads are erased")
    state = State.MISSING if len(endless) == len(evidence.topics) else State.PARTIAL
    return Answer(state, f"payloads of {', '.join(endless)} are kept without an end (driftline ledger retain --expire-days)")


def _verified(evidence: Evidence) -> Answer:
    report = evidence.verification
    if report.verdict is Verdict.VALID:
        said = f"verified for this report at level {report.level.value}: {report.entries} entries, {report.signed_size} signed"
        return Answer(State.EVIDENCE, said)
    if report.verdict is Verdict.UNVERIFIABLE:
        return Answer(
            State.MISSING, "consistent, but nothing signed vouches for it: no verifier key, or a part is not signed or gone"
        )
    first = report.first_bad
    place = "" if first is None else f"; the first is {first.kind.value} at entry {first.sequence}"
    return Answer(State.MISSING, f"THE LEDGER WAS TAMPERED WITH: {report.invalid_entries} findings{place}")


def _reviewed(evidence: Evidence) -> Answer:
    if not evidence.reviews:
        return Answer(State.MISSING, "no review is on record (driftline ledger review)")
    last = evidence.reviews[-1]
    age = (evidence.now - last.ts) // DAY_US
    said = f"reviews on record: {len(evidence.reviews)}, the last by {last.actor} {age} days ago, of {last.entries} entries: {last.verdict}"
    return Answer(State.EVIDENCE if age <= REVIEW_DAYS else State.PARTIAL, said)


def _witnessed(evidence: Evidence) -> Answer:
    size, entries = evidence.witnessed_size, evidence.verification.entries
    if not size:
        return Answer(State.MISSING, "no witness outside has cosigned a head: who holds database and key could rewrite it")
    state = State.EVIDENCE if size == entries else State.PARTIAL
    return Answer(state, f"witnesses cosigned {size} of {entries} entries, as stored (driftline ledger verify --level witness)")


def _erasure(evidence: Evidence) -> Answer:
    if not evidence.erasures:
        return Answer(State.PARTIAL, "erasure is possible and would be an entry; none is on record")
    return Answer(State.EVIDENCE, f"{evidence.erasures} erasures, each an entry with who and why; the hashes still verify")


def _archived(evidence: Evidence) -> Answer:
    if not evidence.archived:
        return Answer(State.MISSING, "no payload lies in an archive, and a copy of the database is not on record here")
    return Answer(
        State.PARTIAL, f"{evidence.archived} payloads lie in the archive; a copy of the database is not on record here"
    )


def _elsewhere(what: str) -> Probe:
    return lambda _: Answer(State.ELSEWHERE, what)


_NAMES: Final = _has(Field.ACTOR, Field.NAME)
_BACKUP: Final = _elsewhere("show backups of database, key and last-signed file, and a restore that was tried")

REGIMES: Final[Mapping[RegimeName, Regime]] = {
    RegimeName.SEC: Regime(
        "SEC Rule 17a-4(f), audit-trail alternative",
        (
            Requirement("17 CFR 240.17a-4(f)(2)(i)(A)", "time-stamped trail of every action", _has(Field.TIME, Field.ACTION)),
            Requirement("17 CFR 240.17a-4(f)(2)(i)(A)", "identity of the individual, where one acted", _NAMES),
            Requirement("17 CFR 240.17a-4(f)(2)(i)(A)", "original and interim states can be re-created", _has(Field.CONTENTS)),
            Requirement("17 CFR 240.17a-4(f)(2)(ii)", "automatic verification of completeness and accuracy", _verified),
            Requirement("17 CFR 240.17a-4(f)(2)(ii)", "that the holder of the system cannot rewrite it unnoticed", _witnessed),
            Requirement("17 CFR 240.17a-4(f)(2)(v)", "a redundant copy", _archived),
            Requirement("17 CFR 240.17a-4(a), (b)", "kept for six years", _kept(6 * YEAR_DAYS)),
            Requirement("17 CFR 240.17a-4(f)(3)(v)", "undertaking of a designated person or third party", _elsewhere("show it")),
        ),
    ),
    RegimeName.SOX: Regime(
        "Sarbanes-Oxley 302, 404, 802",
        (
            Requirement("SOX 404", "who changed and approved what serves", _occurs("model.stage_changed", "monitor.applied")),
            Requirement("SOX 404", "identity of who acted", _NAMES),
            Requirement("SOX 404", "why it was changed", _has(Field.REASON)),
            Requirement("SOX 404", "what was before and what after", _has(Field.CHANGE)),
            Requirement("SOX 302", "controls are evaluated", _reviewed),
            Requirement("18 USC 1519", "records are not altered or destroyed", _verified),
            Requirement("18 USC 1519", "nor by whoever runs the system", _witnessed),
            Requirement("17 CFR 210.2-06", "kept for seven years", _kept(7 * YEAR_DAYS)),
            Requirement("SOX 404", "segregation of duties between who asks and who approves", _elsewhere("show the roles of tokens")),
        ),
    ),
    RegimeName.HIPAA: Regime(
        "HIPAA Security Rule, audit controls and integrity",
        (
            Requirement("45 CFR 164.312(b)", "activity is recorded: who, when, what, on what", _has(Field.TIME, Field.ACTOR, Field.ACTION, Field.RESOURCE)),
            Requirement("45 CFR 164.312(b)", "with its outcome", _has(Field.OUTCOME)),
            Requirement("45 CFR 164.312(b)", "with its origin", _has(Field.ORIGIN)),
            Requirement("45 CFR 164.312(b)", "activity is examined", _reviewed),
            Requirement("45 CFR 164.312(c)", "integrity is verified", _verified),
            Requirement("45 CFR 164.316(b)(2)(i)", "documentation is kept for six years", _kept(6 * YEAR_DAYS)),
            Requirement("45 CFR 164.308(a)(7)", "data backup", _BACKUP),
        ),
    ),
    RegimeName.GDPR: Regime(
        "GDPR accountability, storage limitation and erasure",
        (
            Requirement("GDPR 5(2)", "who decided what, and when", _has(Field.TIME, Field.ACTOR, Field.ACTION)),
            Requirement("GDPR 5(1)(e)", "personal data have an end", _ends),
            Requirement("GDPR 17", "erasure, and evidence of it", _erasure),
            Requirement("GDPR 32", "integrity is verified", _verified),
            Requirement("GDPR 32(1)(d)", "measures are reviewed", _reviewed),
            Requirement("GDPR 30", "purposes, legal bases, categories and recipients", _elsewhere("show the record of processing activities")),
            Requirement("GDPR 17", "copies on topics and in backups age out as well", _elsewhere("show the retention of topics and backups")),
        ),
    ),
    RegimeName.AI_ACT: Regime(
        "EU AI Act, logging by high-risk systems (12, 19, 26)",
        (
            Requirement("Regulation (EU) 2024/1689, 12(2)(a)", "risks and substantial modifications", _occurs("model.", "drift.detected")),
            Requirement("Regulation (EU) 2024/1689, 12(2)(b)", "post-market monitoring", _occurs("window.reported", "ledger.digest")),
            Requirement("Regulation (EU) 2024/1689, 12(2)(c)", "operation is monitored by the deployer", _occurs("alert.", "monitor.")),
            Requirement("Regulation (EU) 2024/1689, 12(1)", "events are recorded with time and model", _has(Field.TIME, Field.RESOURCE)),
            Requirement("Regulation (EU) 2024/1689, 12(1)", "and with the version of the model", _has(Field.MODEL_VERSION)),
            Requirement("Regulation (EU) 2024/1689, 14, 26(2)", "human oversight is on record", _reviewed),
            Requirement("Regulation (EU) 2024/1689, 19(1), 26(6)", "logs are kept for six months", _kept(184)),
            Requirement("Regulation (EU) 2024/1689, 15(5)", "logs cannot be altered unnoticed", _verified),
            Requirement("Regulation (EU) 2024/1689, 12(3)", "each use of remote biometric identification", _elsewhere("show it where it applies")),
        ),
    ),
    RegimeName.PART_11: Regime(
        "21 CFR Part 11, electronic records",
        (
            Requirement("21 CFR 11.10(e)", "secure, computer-generated, time-stamped trail", _verified),
            Requirement("21 CFR 11.10(e)", "operator, action and record of every entry", _has(Field.ACTOR, Field.ACTION, Field.RESOURCE, Field.TIME)),
            Requirement("21 CFR 11.10(e)", "changes do not obscure what was before", _has(Field.CHANGE)),
            Requirement("21 CFR 11.10(e)", "the reason of a change, where predicate rules ask for it", _has(Field.REASON)),
            Requirement("21 CFR 11.10(e)", "available for review and copying", _has(Field.CONTENTS)),
            Requirement("21 CFR 11.10(e)", "kept as long as the records they are about", _kept(YEAR_DAYS)),
            Requirement("21 CFR 11.10(a)", "validation of the system", _elsewhere("show the validation")),
            Requirement("21 CFR 11.50", "meaning of electronic signatures", _elsewhere("approvals carry who, when and why; show that this is the meaning")),
            Requirement("21 CFR 11.10(e)", "clocks are synchronised", _elsewhere("show it of the hosts")),
        ),
    ),
}  # fmt: skip
