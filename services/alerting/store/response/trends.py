"""The last windows of an alert, from those that the response keeps."""

from collections.abc import Mapping

from sqlalchemy import Connection, bindparam, select

from driftline.alerting.trend import MOST, Trend, trend_of
from services.alerting.store.response.tables import windows
from services.alerting.store.response.windows import observation

_LAST = select(windows.c.body).where(
    windows.c.model_id == bindparam("model"),
    windows.c.model_version == bindparam("version"),
    windows.c.granularity == bindparam("granularity"),
)
_LAST = _LAST.order_by(windows.c.window_end.desc()).limit(MOST)


def of_alert(tx: Connection, labels: Mapping[str, str]) -> Trend | None:
    """The trend of an alert about all rows of a version against its baseline; None for any other, or where nothing is known."""
    known = {name: labels.get(name, "") for name in ("model_id", "model_version", "granularity", "kind")}
    if not all(known.values()) or labels.get("slice") or labels.get("reference") != "baseline":
        return None
    key = {"model": known["model_id"], "version": known["model_version"], "granularity": known["granularity"]}
    seen = [observation(row) for row in tx.execute(_LAST, key)]
    return trend_of(seen[::-1], known["kind"])
