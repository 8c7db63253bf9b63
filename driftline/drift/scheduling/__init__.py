"""When checks are due, what becomes of them, and what they add up to."""

from driftline.drift.scheduling.executions import Statistics, figures
from driftline.drift.scheduling.schedule import Schedule

__all__ = ["Schedule", "Statistics", "figures"]
