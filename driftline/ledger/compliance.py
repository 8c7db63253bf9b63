"""What regimes of record keeping ask for, and what a ledger shows of it: evidence and what is missing, never a verdict.

Each requirement names its source, whose text stands under `Regime.texts`; the wording is a digest of it, and says where the text itself
asks for less. Read what is in force before you rely on this, and ask somebody who may advise you: this
is no legal advice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from driftline.ledger.evidence import Evidence, Field
from driftline.ledger.report import Verdict
from driftline.ledger.requirements import (
    Requirement,
    State,
    archived,
    elsewhere,
    ends,
    erasure,
    has,
    kept,
    occurs,
    reviewed,
    verified,
    witnessed,
)

__all__ = ["REGIMES", "Assessment", "Finding", "Regime", "RegimeName", "assess"]

YEAR_DAYS: Final = 365


class RegimeName(StrEnum):
    """The regimes that reports are made for."""

    SEC = "sec-17a-4"
    SOX = "sox"
    HIPAA = "hipaa"
    GDPR = "gdpr"
    AI_ACT = "eu-ai-act"
    PART_11 = "21-cfr-11"


@dataclass(frozen=True, slots=True)
class Regime:
    """A regime, where its texts stand, and what it asks for; `note`: what to know before reading that."""

    title: str
    texts: tuple[str, ...]
    requirements: tuple[Requirement, ...]
    note: str = ""


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

    @property
    def alarm(self) -> str | None:
        """Return what stands above everything else; None where the ledger was not tampered with."""
        if self.evidence.verification.verdict is not Verdict.TAMPERED:
            return None
        return "THE LEDGER WAS TAMPERED WITH: nothing below is evidence until that is explained (driftline ledger verify)"


def assess(regime: RegimeName, evidence: Evidence) -> Assessment:
    """Ask the evidence for everything that a regime wants."""
    known = REGIMES[regime]
    answered = ((one, one.probe(evidence)) for one in known.requirements)
    found = tuple(Finding(one.source, one.asks, answer.state, answer.said) for one, answer in answered)
    return Assessment(regime, known.title, evidence, found)


_NAMES: Final = has(Field.ACTOR, Field.NAME)
_ECFR: Final = "https://www.ecfr.gov/current"
_USC: Final = "https://www.law.cornell.edu/uscode/text"
_AIA: Final = "Regulation (EU) 2024/1689,"

REGIMES: Final[Mapping[RegimeName, Regime]] = {
    RegimeName.SEC: Regime(
        "SEC Rule 17a-4(f), audit-trail alternative",
        (f"{_ECFR}/title-17/section-240.17a-4",),
        (
            Requirement("17 CFR 240.17a-4(f)(2)(i)(A)(1), (2)", "time-stamped trail of every action", has(Field.TIME, Field.ACTION)),
            Requirement("17 CFR 240.17a-4(f)(2)(i)(A)(3)", "identity of the individual, where one acted", _NAMES),
            Requirement("17 CFR 240.17a-4(f)(2)(i)(A)(4)", "the original can be re-created", has(Field.CONTENTS)),
            Requirement("17 CFR 240.17a-4(f)(2)(i)(A)(4)", "authentic and reliable: not even its holder rewrites it unnoticed", witnessed),
            Requirement("17 CFR 240.17a-4(f)(2)(ii)", "automatic verification of completeness and accuracy", verified),
            Requirement("17 CFR 240.17a-4(f)(2)(iv)", "records and trail can be downloaded, readable and usable", has(Field.CONTENTS)),
            Requirement("17 CFR 240.17a-4(f)(2)(v)", "a redundant copy", archived),
            Requirement("17 CFR 240.17a-4(a), (b)", "kept for six years (for records of (b) three are enough)", kept(6 * YEAR_DAYS)),
            Requirement("17 CFR 240.17a-4(f)(3)(v)(A)", "undertaking of a designated executive officer or third party", elsewhere("show it as filed")),
        ),
    ),
    RegimeName.SOX: Regime(
        "Sarbanes-Oxley 302, 404, 802",
        (f"{_USC}/15/7241", f"{_USC}/15/7262", f"{_USC}/18/1519", f"{_USC}/18/1520", f"{_ECFR}/title-17/section-210.2-06"),
        (
            Requirement("SOX 404 (15 USC 7262)", "who changed and approved what serves", occurs("model.stage_changed", "monitor.applied")),
            Requirement("SOX 404 (15 USC 7262)", "identity of who acted", _NAMES),
            Requirement("SOX 404 (15 USC 7262)", "why it was changed", has(Field.REASON)),
            Requirement("SOX 404 (15 USC 7262)", "what was before and what after", has(Field.CHANGE)),
            Requirement("SOX 302 (15 USC 7241(a)(4)(C))", "controls are evaluated, within 90 days", reviewed),
            Requirement("SOX 802 (18 USC 1519)", "records are not altered, destroyed or falsified", verified),
            Requirement("SOX 802 (18 USC 1519)", "nor by whoever runs the system", witnessed),
            Requirement("17 CFR 210.2-06(a)", "kept for seven years (a duty of the auditor, for the records of an audit)", kept(7 * YEAR_DAYS)),
            Requirement("SOX 404 (15 USC 7262)", "segregation of duties between who asks and who approves", elsewhere("show the roles of tokens")),
        ),
        "The Act names no fields of a record: those under section 404 are what auditors of controls ask for.",
    ),
    RegimeName.HIPAA: Regime(
        "HIPAA Security Rule, audit controls and integrity",
        tuple(f"{_ECFR}/title-45/section-164.{section}" for section in (308, 312, 316)),
        (
            Requirement("45 CFR 164.312(b)", "activity is recorded: who, when, what, on what", has(Field.TIME, Field.ACTOR, Field.ACTION, Field.RESOURCE)),
            Requirement("45 CFR 164.312(b)", "with its outcome (practice: the text names no fields)", has(Field.OUTCOME)),
            Requirement("45 CFR 164.312(b)", "with its origin (practice: the text names no fields)", has(Field.ORIGIN)),
            Requirement("45 CFR 164.312(a)(2)(i)", "every user has a name or number of their own", _NAMES),
            Requirement("45 CFR 164.312(b), 164.308(a)(1)(ii)(D)", "activity is examined, regularly", reviewed),
            Requirement("45 CFR 164.312(c)(1), (2)", "integrity is verified", verified),
            Requirement("45 CFR 164.316(b)(2)(i)", "documentation is kept for six years (whether logs are documentation is disputed)", kept(6 * YEAR_DAYS)),
            Requirement("45 CFR 164.308(a)(7)(ii)(A)", "data backup", elsewhere("show backups of database, key and last-signed file, and a restore that was tried")),
        ),
    ),
    RegimeName.GDPR: Regime(
        "GDPR accountability, storage limitation and erasure",
        ("https://eur-lex.europa.eu/eli/reg/2016/679/oj",),
        (
            Requirement("GDPR 5(2)", "who decided what, and when", has(Field.TIME, Field.ACTOR, Field.ACTION)),
            Requirement("GDPR 5(1)(e)", "personal data have an end", ends),
            Requirement("GDPR 17(1)", "erasure, and evidence of it", erasure),
            Requirement("GDPR 5(1)(f), 32(1)(b)", "integrity is verified", verified),
            Requirement("GDPR 32(1)(d)", "measures are tested and reviewed, regularly", reviewed),
            Requirement("GDPR 30(1)", "purposes, categories, recipients, transfers and time limits", elsewhere("show the record of processing activities")),
            Requirement("GDPR 17(1)", "copies on topics and in backups age out as well", elsewhere("show the retention of topics and backups")),
            Requirement("GDPR 19", "whoever received the data is told of an erasure", elsewhere("show to whom exports, bundles and receipts went")),
        ),
    ),
    RegimeName.AI_ACT: Regime(
        "EU AI Act, logging by high-risk systems (12, 19, 26)",
        ("https://eur-lex.europa.eu/eli/reg/2024/1689/oj", "https://eur-lex.europa.eu/eli/reg/2026/1744/oj"),
        (
            Requirement(f"{_AIA} 12(2)(a)", "risks and substantial modifications", occurs("model.", "drift.detected")),
            Requirement(f"{_AIA} 12(2)(b)", "post-market monitoring", occurs("window.reported", "ledger.digest")),
            Requirement(f"{_AIA} 12(2)(c), 26(5)", "operation is monitored by the deployer", occurs("alert.", "monitor.")),
            Requirement(f"{_AIA} 12(1), (2)", "events are recorded, traceably: with time and model", has(Field.TIME, Field.RESOURCE)),
            Requirement(f"{_AIA} 12(2)", "and with the version of the model", has(Field.MODEL_VERSION)),
            Requirement(f"{_AIA} 14(4), 26(2)", "people step in: they acknowledge alerts and change stages", occurs("alert.acknowledged", "model.stage_changed")),
            Requirement(f"{_AIA} 26(2)", "overseers have competence, training, authority and support", elsewhere("show who they are, and their training")),
            Requirement(f"{_AIA} 19(1), 26(6)", "logs are kept for six months", kept(184)),
            Requirement(f"{_AIA} 12(2)", "logs can be relied on (the text leaves open how)", verified),
            Requirement(f"{_AIA} 12(3)", "each use of remote biometric identification", elsewhere("show it where it applies")),
        ),
        "Duties of high-risk systems apply from 2 December 2027 (Annex III) and 2 August 2028 (Annex I), by Regulation (EU) 2026/1744.",
    ),
    RegimeName.PART_11: Regime(
        "21 CFR Part 11, electronic records",
        tuple(f"{_ECFR}/title-21/section-{section}" for section in ("11.10", "11.50", "58.130")),
        (
            Requirement("21 CFR 11.10(a)", "invalid and altered records can be told", verified),
            Requirement("21 CFR 11.10(e)", "secure, computer-generated trail: not even its holder rewrites it unnoticed", witnessed),
            Requirement("21 CFR 11.10(e)", "time, operator, action and record of every entry", has(Field.ACTOR, Field.ACTION, Field.RESOURCE, Field.TIME)),
            Requirement("21 CFR 11.10(e)", "changes do not obscure what was before", has(Field.CHANGE)),
            Requirement("21 CFR 58.130(e)", "the reason of a change (a predicate rule, for laboratories; others have their own)", has(Field.REASON)),
            Requirement("21 CFR 11.10(b), (e)", "available for review and copying", has(Field.CONTENTS)),
            Requirement("21 CFR 11.10(e)", "kept as long as the records they are about", elsewhere("name the predicate rule and its time; retention in force stands below")),
            Requirement("21 CFR 11.10(a)", "validation of the system", elsewhere("show the validation")),
            Requirement("21 CFR 11.50(a)", "name, time and meaning of electronic signatures", elsewhere("approvals carry who, when and why; show that this is the meaning")),
            Requirement("21 CFR 11.10(e)", "time stamps can be relied on: clocks are synchronised", elsewhere("show it of the hosts")),
        ),
    ),
}  # fmt: skip
