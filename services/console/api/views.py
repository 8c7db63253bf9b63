"""What the templates need of values: times, numbers, links that are safe to follow."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from driftline.envelope import iso_time
from services.console.api.charts import sparkline

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FOLDER = Path(__file__).resolve().parents[1] / "templates"

MEASURE_NAMES = {
    "psi": "PSI",
    "js": "JS distance",
    "tv": "TV distance",
    "ks": "KS",
    "null_rate_delta": "nulls",
    "auc": "AUC",
    "f1": "F1",
}
PRIORITY_OF_SEVERITY = {"MINIMAL": "none", "LOW": "low", "MEDIUM": "medium", "HIGH": "high", "CRITICAL": "critical"}


def environment() -> Environment:
    """Templates with everything escaped, and an error for a name that is not given."""
    made = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters |= {
        "day": day,
        "iso": iso_time,
        "measure": lambda name: MEASURE_NAMES.get(name, name),
        "number": number,
        "safe_url": safe_url,
        "short": short_name,
        "priority": lambda severity: PRIORITY_OF_SEVERITY.get(severity or "", "none"),
        "sparkline": sparkline,
        "words": lambda name: str(name).replace("_", " "),
    }
    return made


def day(time_us: int) -> str:
    """A time for people: "12 Apr 2013, 14:00" in UTC; the hour is left out at midnight."""
    moment = _EPOCH + timedelta(microseconds=time_us)
    text = f"{moment.day} {moment:%b %Y}"
    return text if moment.hour == moment.minute == 0 else f"{text}, {moment:%H:%M}"


def number(value: float | None, digits: int = 0) -> str:
    """A number with thin separators, a dash for none."""
    return "\u2013" if value is None else f"{value:,.{digits}f}".replace(",", "\u202f")


def safe_url(url: str) -> str:
    """A link to http, https or a path of this console; anything else (javascript:, data:, //host) leads nowhere."""
    text = url.strip()
    if text.startswith("/") and not text.startswith(("//", "/\\")):
        return text
    return text if urlsplit(text).scheme.lower() in {"http", "https"} else "#"


def short_name(model_id: str) -> str:
    """What people call a model: the part of its id after the last dot."""
    return model_id.rpartition(".")[2] or model_id
