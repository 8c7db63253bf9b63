"""The last windows of an alert, from those that the response keeps."""

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, bindparam, select

from driftline.alerting.response.evidence import Observation
from driftline.alerting.trend import MOST, Trend, trend_of
from services.alerting.store.response.tables import windows
from services.alerting.store.response.windows import observation

_LAST = select(windows.c.body).where(
    windows.c.model_id == bindparam("model"),
    windows.c.model_version == bindparam("version"),
    windows.c.granularity == bindparam("granularity"),
)
_LAST = _LAST.order_by(windows.c.window_end.desc()).limit(MOST)
_KNOWN = select(windows.c.model_id).where(windows.c.model_id.in_(bindparam("models", expanding=True))).distinct()


class Trends:
    """Asked for in one transaction: what several channels or alerts show is read once."""

    def __init__(self, tx: Connection, models: Collection[str]) -> None:
        """`models` are all that may be asked for."""
        self._tx = tx
        self._models = frozenset(tx.execute(_KNOWN, {"models": list(models)}).scalars())
        self._seen: dict[tuple[str, str, str], list[Observation]] = {}

    def of_alert(self, labels: Mapping[str, str]) -> Trend | None:
        """The trend of an alert about all rows of a version against its baseline; None for any other, or where nothing is known."""
        model, version, granularity, kind = (
            labels.get(name, "") for name in ("model_id", "model_version", "granularity", "kind")
        )
        if model not in self._models or not (version and granularity and kind):
            return None
        if labels.get("slice") or labels.get("reference") != "baseline":
            return None
        return trend_of(self._windows(model, version, granularity), kind)

    def _windows(self, model: str, version: str, granularity: str) -> list[Observation]:
        place = (model, version, granularity)
        if place not in self._seen:
            rows = self._tx.execute(_LAST, {"model": model, "version": version, "granularity": granularity})
            self._seen[place] = [observation(row) for row in rows][::-1]
        return self._seen[place]
