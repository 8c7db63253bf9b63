"""What was found wrong: all of it counted, some of each kind kept."""

from driftline.ledger.report import FindingKind, Findings


def test_many_findings_of_a_kind_do_not_hide_another() -> None:
    findings = Findings()
    for sequence in range(1000):
        findings.add(sequence, FindingKind.PAYLOAD_MISSING, "gone")
    findings.add(1000, FindingKind.TAIL_MISSING, "cut")
    assert len(findings.kept) == 101
    assert findings.kept[-1].kind is FindingKind.TAIL_MISSING
    assert findings.counts.total() == 1001
