"""`driftline ledger entries --severity`, over alerts that came by their topic."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.unit.services.audit.test_severity import world_of


def test_alerts_are_shown_and_found_by_their_severity(command: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    world_of(tmp_path)
    there = ["--database", f"sqlite:///{tmp_path}/ledger.db"]
    code, out, _ = command("ledger", "entries", "--severity", "critical", *there)
    assert (code, [line.rsplit(maxsplit=1)[-1] for line in out.splitlines()]) == (0, ["CRITICAL", "CRITICAL"])
    shown = json.loads(command("ledger", "entries", "--severity", "critical", "--json", *there)[1])["entries"][0]
    assert shown["severity"] == "CRITICAL"
    assert json.loads(command("ledger", "entry", shown["entry_id"], *there)[1])["event"]["alert_id"] == "a1"
    assert command("ledger", "entries", "--severity", "medium", "--action", "drift.detected", *there)[0] == 1
