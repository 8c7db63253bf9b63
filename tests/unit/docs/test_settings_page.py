"""docs/reference/settings.md has every setting of every process, with its default and what it says of itself."""

import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from driftline.runtime.settings import PREFIX, ProcessSettings, ServiceSettings
from services.alerting.settings import AlertingSettings
from services.audit.settings import AuditSettings
from services.audit.witness.settings import WitnessSettings
from services.console.settings import ConsoleSettings
from services.drift.settings import Settings as DriftSettings
from services.governance.settings import GovernanceSettings
from services.ingest.settings import Settings as IngestSettings

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
SECTIONS = {
    "Every process": (ProcessSettings, ()),
    "Every service": (ServiceSettings, (ProcessSettings,)),
    "ingest": (IngestSettings, (ServiceSettings,)),
    "drift": (DriftSettings, (ServiceSettings,)),
    "alerting": (AlertingSettings, (ServiceSettings,)),
    "audit": (AuditSettings, (ServiceSettings,)),
    "governance": (GovernanceSettings, (ServiceSettings,)),
    "console": (ConsoleSettings, (ServiceSettings,)),
    "witness": (WitnessSettings, (ProcessSettings,)),
}


def default_of(field):
    value = field.default
    if field.is_required():
        return "must be given"
    if isinstance(value, Path) and value.is_relative_to(ROOT):
        value = value.relative_to(ROOT)
    assert not isinstance(value, SecretStr)
    return "" if value in (None, "", []) else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def rows_of(kind, beside):
    """The rows of what a process adds to those that it stands on, or changes of them."""
    known = {name: field for one in beside for name, field in one.model_fields.items()}
    for name, field in kind.model_fields.items():
        row = f"| `{PREFIX}{name.upper()}` | {default_of(field)} | {field.description} |".replace("|  |", "| |")
        if name not in known or default_of(known[name]) != default_of(field):
            yield row


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_has_the_settings_of_its_process(section):
    kind, beside = SECTIONS[section]
    (found,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert re.findall(r"^\| `.*$", found, re.MULTILINE) == list(rows_of(kind, beside))
