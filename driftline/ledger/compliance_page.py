"""A report as a page that needs nothing else: to print, to mail, to put into a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Final

from driftline.envelope import iso_time
from driftline.ledger.compliance import REGIMES, Assessment, Finding, Regime
from driftline.ledger.keeping import EVERY_TOPIC, Policy
from driftline.ledger.requirements import State
from driftline.wording import amount

__all__ = ["as_json", "page"]

_MARKS: Final[Mapping[State, str]] = {
    State.EVIDENCE: "on record",
    State.PARTIAL: "in part",
    State.MISSING: "missing",
    State.ELSEWHERE: "show elsewhere",
}
_TOLD: Final[Mapping[State, str]] = {
    State.MISSING: "Missing from this ledger",
    State.PARTIAL: "There in part",
    State.ELSEWHERE: "To be shown from elsewhere",
}
_CAVEAT: Final = (
    "What the ledger shows of each requirement, and what it does not. This is no statement of compliance and no legal advice."
)
_STYLE: Final = """
body{font:15px/1.5 system-ui,sans-serif;color:#1d2430;max-width:62rem;margin:2rem auto;padding:0 1rem;overflow-wrap:anywhere}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}p{margin:.4rem 0}.soft{color:#5a6472}ul{margin:.3rem 0 .6rem;padding-left:1.2rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;border-bottom:1px solid #dde2e8}
th{font-weight:600;color:#5a6472}td.name{width:22%}td.mark{font-weight:600;width:8.5rem}td.label{white-space:nowrap}table.narrow{width:auto;min-width:24rem}
.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.evidence{color:#176b3a}.partial{color:#8a5a00}.missing{color:#b3261e}.elsewhere{color:#3b4a9c}
.box{border:1px solid #dde2e8;border-left:4px solid #b3261e;padding:.6rem 1rem;margin:1rem 0}.box.none{border-left-color:#176b3a}
code{font-size:.85em}a{color:inherit}tr,li{break-inside:avoid}
@media(max-width:44rem){.requirements tr{display:block;border-bottom:1px solid #dde2e8;padding:.3rem 0}
.requirements td{display:block;border:0;padding:.1rem 0;width:auto}.requirements tr:first-child{display:none}}
@media print{body{margin:0;font-size:12px}}
"""


def as_json(report: Assessment) -> dict[str, object]:
    """Return a report as JSON values."""
    evidence, checked = report.evidence, report.evidence.verification
    return {
        "regime": report.regime.value,
        "title": report.title,
        "texts": list(REGIMES[report.regime].texts),
        "log": evidence.log,
        "made": iso_time(evidence.now),
        "since": _time(evidence.since),
        "until": _time(evidence.until),
        "entries": evidence.entries,
        "alarm": report.alarm,
        "findings": [_shown(finding) for finding in report.findings],
        "missing": [_shown(finding) for finding in report.missing],
        "coverage": {name.value: {"having": one.having, "of": one.of} for name, one in evidence.coverage.items()},
        "verification": {
            "verdict": checked.verdict.value,
            "level": checked.level.value,
            "entries": checked.entries,
            "signed_size": checked.signed_size,
            "witnessed_size": evidence.witnessed_size,
            "root": checked.root.hex(),
            "erased": checked.erased,
            "archived": checked.archived,
        },
        "retention": {topic: _days(policy) for topic, policy in sorted(evidence.keeping.policies.items())},
        "holds": [{"name": one.name, "sequence": one.seq, "reason": one.reason} for one in evidence.keeping.holds],
        "reviews": [
            {"sequence": one.seq, "time": iso_time(one.ts), "actor": one.actor, "verdict": one.verdict, "entries": one.entries}
            for one in evidence.reviews
        ],
    }


def page(report: Assessment) -> str:
    """Return a report as HTML; every text out of the ledger is escaped."""
    evidence, title, regime = report.evidence, escape(report.title), REGIMES[report.regime]
    since = "the beginning" if evidence.since is None else _clock(evidence.since)
    period = f"{since} to {_clock(evidence.now if evidence.until is None else evidence.until)}"
    return "".join(
        (
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>',
            '<meta name="viewport" content="width=device-width">',
            f"<style>{_STYLE}</style><h1>{title}</h1>",
            f"<p>{escape(evidence.log)}, {amount(evidence.entries, 'entry')}, {escape(period)}; made {_clock(evidence.now)}</p>",
            f'<p class="soft">{_CAVEAT} {escape(regime.note)}</p>',
            "" if report.alarm is None else f'<div class="box"><p class="missing"><strong>{report.alarm}</strong></p></div>',
            _missing(report.missing),
            "<h2>Requirements</h2>",
            _table(("Source", "Asks for", "State", "The ledger shows"), map(_row, report.findings), kind="requirements"),
            _texts(regime),
            "<h2>Verification</h2>",
            _verification(report),
            "<h2>Fields of entries</h2>",
            _table(("Field", "# Entries", "# Of", "# Share"), _coverage(report), kind="narrow"),
            "<h2>Retention and holds</h2>",
            _keeping(report),
            "<h2>Reviews</h2>",
            _reviews(report),
            "</html>\n",
        )
    )


def _shown(finding: Finding) -> dict[str, str]:
    return {"source": finding.source, "asks": finding.asks, "state": finding.state.value, "said": finding.said}


def _missing(findings: tuple[Finding, ...]) -> str:
    """List first what is not there, worst first, with what the ledger says of it."""
    if not findings:
        return '<div class="box none"><p>Nothing of what is asked here is missing from the ledger.</p></div>'
    parts = [f"<p>Without full evidence in this ledger: {len(findings)}</p>"]
    for state, told in _TOLD.items():
        lines = "".join(
            f"<li>{escape(one.asks)}: {escape(one.said)} <span class=soft>({escape(one.source)})</span></li>"
            for one in findings
            if one.state is state
        )
        parts.append(f'<p class="{state.value}">{told}</p><ul>{lines}</ul>' if lines else "")
    return f'<div class="box">{"".join(parts)}</div>'


def _row(finding: Finding) -> str:
    mark = f'<td class="mark {finding.state.value}">{_MARKS[finding.state]}</td>'
    return f'<tr><td class="name">{escape(finding.source)}</td><td>{escape(finding.asks)}</td>{mark}<td>{escape(finding.said)}</td></tr>'


def _verification(report: Assessment) -> str:
    checked = report.evidence.verification
    first = checked.first_bad
    told = {
        "verdict": checked.verdict.value,
        "entries": f"{checked.entries}, of which {checked.signed_size} signed and {report.evidence.witnessed_size} witnessed",
        "payloads": f"{checked.erased} erased and {checked.archived} archived, each by an entry",
        "root": checked.root.hex(),
    }
    if first is not None:
        told["first finding"] = f"{first.kind.value} at entry {first.sequence}: {first.detail}"
    rows = (f'<tr><td class="label">{name}</td><td>{escape(value)}</td></tr>' for name, value in told.items())
    return _table((), rows)


def _texts(regime: Regime) -> str:
    links = ", ".join(f'<a href="{escape(text)}">{escape(text)}</a>' for text in regime.texts)
    return f'<p class="soft">The texts in force: {links}</p>'


def _coverage(report: Assessment) -> Iterable[str]:
    for name, found in report.evidence.coverage.items():
        share = f"{found.having / found.of:.1%}" if found.of else "-"
        numbers = "".join(f'<td class="number">{value}</td>' for value in (found.having, found.of, share))
        yield f"<tr><td>{name.value.replace('_', ' ')}</td>{numbers}</tr>"


def _keeping(report: Assessment) -> str:
    keeping = report.evidence.keeping
    rows = []
    for topic in (*report.evidence.topics, EVERY_TOPIC):
        days = _days(keeping.policy(topic))
        cells = "".join(f'<td class="number">{"-" if value is None else value}</td>' for value in days.values())
        rows.append(f"<tr><td>{escape('all others' if topic == EVERY_TOPIC else topic)}</td>{cells}</tr>")
    head = ("Topic", "# Kept at least (days)", "# To the archive after", "# Erased after")
    holds = "".join(f"<li>{escape(one.name)} (entry {one.seq}): {escape(one.reason)}</li>" for one in keeping.holds)
    return _table(head, rows) + (
        f"<p>Legal holds in force:</p><ul>{holds}</ul>" if holds else "<p>No legal hold is in force.</p>"
    )


def _reviews(report: Assessment) -> str:
    rows = [
        f"<tr><td>{_clock(one.ts)}</td><td>{escape(one.actor)}</td><td>{escape(one.verdict)}</td>"
        f'<td class="number">{one.entries}</td></tr>'
        for one in report.evidence.reviews
    ]
    return _table(("When", "Who", "Verification said", "# Entries"), rows) if rows else "<p>None is on record.</p>"


def _table(head: Iterable[str], rows: Iterable[str], *, kind: str = "") -> str:
    """Return a table; a title that begins with # is of numbers."""
    titles = "".join(
        f'<th class="number">{escape(title[2:])}</th>' if title.startswith("# ") else f"<th>{escape(title)}</th>"
        for title in head
    )
    return f'<table class="{kind}">{f"<tr>{titles}</tr>" if titles else ""}{"".join(rows)}</table>'


def _clock(microseconds: int) -> str:
    """Return a time for people: to the second, UTC."""
    return f"{iso_time(microseconds)[:19].replace('T', ' ')} UTC"


def _days(policy: Policy) -> dict[str, int | None]:
    return {"keep_days": policy.keep_days, "archive_days": policy.archive_days, "expire_days": policy.expire_days}


def _time(microseconds: int | None) -> str | None:
    return None if microseconds is None else iso_time(microseconds)
