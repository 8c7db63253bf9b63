"""Reports list what is there and what is missing; they never say that all is well."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from driftline import codec
from driftline.events import StageChanged
from driftline.events.governance import Stage
from driftline.ledger.chain import Draft
from driftline.ledger.compliance import REGIMES, Assessment, RegimeName, assess
from driftline.ledger.compliance_page import as_json, page
from driftline.ledger.evidence import Coverage, Evidence, Field
from driftline.ledger.keeping import DAY_US, EVERY_TOPIC, Policy, Scope
from driftline.ledger.report import Level
from driftline.ledger.requirements import State
from driftline.ledger.review import review_draft
from driftline.ledger.store import LedgerWriter
from driftline.ledger.store.assessing import evidence_of
from driftline.ledger.store.erasing import Author, Subjected, erase, hold, retain
from driftline.ledger.store.verification import verify_store
from tests.unit.ledger.ledger_builders import KEY, ORIGIN, SOURCE, Salts, draft, grow, writer_at

NOW = 5_000 * DAY_US
RANDOM = Salts()
EVIL = "<script>alert(1)</script>"


def author(name: str = "carol", reason: str = "because", now: int = NOW) -> Author:
    return Author(name, reason, now, RANDOM)


def staged(number: int, reason: str = "better") -> Draft:
    event = StageChanged(
        model_id="m", model_version="2", from_stage=Stage.STAGING, to_stage=Stage.PRODUCTION, reason=reason, actor="alice", at=1
    )
    return replace(draft(number, actor="alice", payload=codec.encode(event)), action="model.stage_changed")


@pytest.fixture
def writer(tmp_path: Path) -> LedgerWriter:
    writer = writer_at(tmp_path)
    grow(writer, [[draft(n, payload=b'{"status": "open"}') for n in range(6)], [staged(6), staged(7, reason="")]])
    return writer


def evidence(writer: LedgerWriter, *, now: int = NOW, **period: int) -> Evidence:
    report = verify_store(writer.store, Level.FULL, key=KEY.verifier)
    with writer.store.snapshot() as snapshot:
        return evidence_of(snapshot, ORIGIN, report, now=now, **period)


def review(writer: LedgerWriter, now: int, actor: str = "dora") -> None:
    report = verify_store(writer.store, Level.FULL, key=KEY.verifier)
    said = review_draft(report, log=ORIGIN, actor=actor, reason="quarterly", entry_id=RANDOM(16), salt=RANDOM(32))
    writer.append([said], [], now=now)


def states(report: Assessment) -> dict[str, State]:
    return {finding.asks: finding.state for finding in report.findings}


def test_fields_are_counted_in_events_and_in_json(writer: LedgerWriter) -> None:
    coverage = evidence(writer).coverage
    assert coverage[Field.TIME] == coverage[Field.ORIGIN] == coverage[Field.CONTENTS] == Coverage(8, 8)
    assert coverage[Field.REASON] == Coverage(1, 2)  # of what people did
    assert coverage[Field.CHANGE] == coverage[Field.NAME] == Coverage(2, 2)
    assert coverage[Field.MODEL_VERSION] == Coverage(2, 8)
    assert coverage[Field.OUTCOME] == Coverage(8, 8)


def test_only_the_period_is_counted(writer: LedgerWriter) -> None:
    assert evidence(writer, since=1_001).entries == 2
    assert evidence(writer, until=1_001).coverage[Field.REASON] == Coverage(0, 0)


def test_what_is_erased_is_missing_from_the_contents(writer: LedgerWriter) -> None:
    erase(writer, Subjected("alice"), author())
    found = evidence(writer)
    assert found.coverage[Field.CONTENTS] == Coverage(7, 9)
    assert found.erasures == 1
    assert states(assess(RegimeName.GDPR, found))["erasure, and evidence of it"] is State.EVIDENCE


@pytest.mark.parametrize("regime", RegimeName)
def test_a_fresh_ledger_lacks_something_for_every_regime_and_says_what(writer: LedgerWriter, regime: RegimeName) -> None:
    report = assess(regime, evidence(writer))
    assert report.missing
    assert len(report.findings) == len(REGIMES[regime].requirements)
    assert set(report.missing) == {finding for finding in report.findings if finding.state is not State.EVIDENCE}
    shown: Any = orjson.loads(orjson.dumps(as_json(report)))
    assert [one["asks"] for one in shown["missing"]] == [finding.asks for finding in report.missing]
    for text in (page(report), orjson.dumps(as_json(report)).decode()):
        assert "compliant" not in text


def test_retention_is_evidence_only_if_every_topic_is_kept_long_enough(writer: LedgerWriter) -> None:
    asked = "kept for six years (for records of (b) three are enough)"
    assert states(assess(RegimeName.SEC, evidence(writer)))[asked] is State.MISSING
    retain(writer, SOURCE.topic, Policy(keep_days=2_000), author())
    assert states(assess(RegimeName.SEC, evidence(writer)))[asked] is State.MISSING
    retain(writer, SOURCE.topic, Policy(keep_days=2_190), author())
    assert states(assess(RegimeName.SEC, evidence(writer)))[asked] is State.EVIDENCE


def test_what_came_by_no_topic_has_an_end_only_by_the_retention_of_all(tmp_path: Path) -> None:
    asked = "personal data have an end"
    writer = writer_at(tmp_path)
    review(writer, NOW)
    assert states(assess(RegimeName.GDPR, evidence(writer)))[asked] is State.MISSING
    retain(writer, EVERY_TOPIC, Policy(keep_days=1), author())
    assert states(assess(RegimeName.GDPR, evidence(writer)))[asked] is State.MISSING
    retain(writer, EVERY_TOPIC, Policy(expire_days=30), author())
    assert states(assess(RegimeName.GDPR, evidence(writer)))[asked] is State.EVIDENCE


def test_a_review_counts_for_ninety_days(writer: LedgerWriter) -> None:
    asked = "activity is examined, regularly"
    assert states(assess(RegimeName.HIPAA, evidence(writer)))[asked] is State.MISSING
    review(writer, NOW)
    assert states(assess(RegimeName.HIPAA, evidence(writer)))[asked] is State.EVIDENCE
    assert states(assess(RegimeName.HIPAA, evidence(writer, now=NOW + 91 * DAY_US)))[asked] is State.PARTIAL


def test_a_tampered_ledger_is_told_in_capitals(writer: LedgerWriter) -> None:
    found = evidence(writer)
    report = verify_store(writer.store, Level.FULL, key=None)
    unsigned = assess(RegimeName.SOX, replace(found, verification=report))
    assert states(unsigned)["records are not altered, destroyed or falsified"] is State.MISSING
    with writer.store.engine.connect() as connection:
        connection.exec_driver_sql("DROP TRIGGER ledger_payload_no_update")
        connection.exec_driver_sql("UPDATE ledger_payload SET body = x'00' WHERE seq = 3")
        connection.commit()
    tampered = assess(RegimeName.SOX, evidence(writer))
    assert "TAMPERED" in page(tampered)
    assert "payload_changed at entry 3" in page(tampered)
    assert page(tampered).index("nothing below is evidence") < page(tampered).index("Without full evidence")
    assert as_json(tampered)["alarm"] == tampered.alarm
    assert unsigned.alarm is None


def test_nothing_out_of_the_ledger_is_markup_on_the_page(writer: LedgerWriter) -> None:
    hold(writer, EVIL, Scope(), author(reason=EVIL))
    retain(writer, EVIL, Policy(keep_days=1), author())
    review(writer, NOW, actor=EVIL)
    for regime in RegimeName:
        text = page(assess(regime, replace(evidence(writer), log=EVIL, topics=(EVIL,))))
        assert "<script" not in text
        assert "&lt;script&gt;" in text


def test_an_empty_ledger_has_no_evidence_of_fields(tmp_path: Path) -> None:
    report = assess(RegimeName.HIPAA, evidence(writer_at(tmp_path)))
    assert states(report)["with its outcome (practice: the text names no fields)"] is State.MISSING
    assert "100" not in page(report).split("</style>")[1].split("Retention")[0]


def test_the_page_about_regimes_names_every_source_and_where_its_text_stands() -> None:
    told = (Path(__file__).parents[3] / "docs/reference/ledger-regimes.md").read_text(encoding="utf-8")
    for regime in REGIMES.values():
        assert [text for text in regime.texts if text not in told] == []
        assert [one.source for one in regime.requirements if one.source not in told] == []
