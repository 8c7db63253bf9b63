"""Which checks raised alerts, in SQL, for as long as they count."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, func, insert, select

from driftline.alerting.check_rules import PERIOD, conditions
from driftline.events import CheckExecution, HealthCleared, HealthOpened
from services.alerting.store.tables import check_alerts


def take(tx: Connection, execution: CheckExecution) -> Sequence[HealthOpened | HealthCleared]:
    """Note an execution; what it opens or clears. The last record of a check counts."""
    tx.execute(delete(check_alerts).where(check_alerts.c.check_id == execution.check_id))
    tx.execute(delete(check_alerts).where(check_alerts.c.at <= execution.at - PERIOD))
    if execution.alert_generated:
        values = {"check_id": execution.check_id, "model_id": execution.model_id, "at": execution.at}
        tx.execute(insert(check_alerts), values)
    query = select(func.count()).select_from(check_alerts).where(check_alerts.c.model_id == execution.model_id)
    return conditions(execution, tx.execute(query).scalar_one())
