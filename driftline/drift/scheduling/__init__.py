"""When checks are due, what becomes of them, and what they add up to."""

from driftline.drift.scheduling.executions import Statistics, figures
from driftline.drift.scheduling.schedule import Schedule
from driftline.drift.scheduling.scheduler import Planned, Scheduler

__all__ = ["Planned", "Schedule", "Scheduler", "Statistics", "figures"]
