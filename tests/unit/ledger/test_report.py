"""What was found wrong: all of it counted, some of each kind kept."""

from dataclasses import replace

from driftline.ledger.report import FindingKind, Findings, Level, Report, Verdict, Witnessed

SOUND = Report(
    Verdict.UNVERIFIABLE,
    Level.FULL,
    first=0,
    entries=20,
    size=20,
    root=bytes(32),
    signed_size=0,
    first_bad=None,
    invalid_entries=0,
    chain_breaks=0,
    findings=(),
)


def test_many_findings_of_a_kind_do_not_hide_another() -> None:
    findings = Findings()
    for sequence in range(1000):
        findings.add(sequence, FindingKind.PAYLOAD_MISSING, "gone")
    findings.add(1000, FindingKind.TAIL_MISSING, "cut")
    assert len(findings.kept) == 101
    assert findings.kept[-1].kind is FindingKind.TAIL_MISSING
    assert findings.counts.total() == 1001


def test_a_report_says_what_is_missing_where_nothing_is_wrong() -> None:
    assert SOUND.unvouched == "nothing signed vouches for 20 entries, in which nothing wrong was found"
    witnessed = replace(SOUND, signed_size=20, witnessed=Witnessed(0, (), ()))
    assert witnessed.unvouched.startswith("no quorum of witnesses vouches for 20 entries")
    gone = replace(SOUND, signed_size=20, unread=("payloads/a",))
    assert gone.unvouched == "1 object of the archive is gone, the first is payloads/a"
    assert replace(gone, unread=("a", "b")).unvouched == "2 objects of the archive are gone, the first is a"
