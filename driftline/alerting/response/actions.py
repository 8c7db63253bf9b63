"""What the response can do, what it takes to be allowed, and what it changes."""

from collections.abc import Mapping
from enum import IntEnum, StrEnum


class Band(IntEnum):
    """How far a response may go; each holds what those below it hold. Borders are inclusive from below."""

    RECORD = 0
    """Nothing is done."""
    REMEDIATE = 1
    """Reversible actions of low impact."""
    ESCALATE = 2
    """People are told too."""
    EMERGENCY = 3
    """Everybody is told, and a rollback is allowed."""
    PAUSE = 4
    """Serving may be paused."""

    @property
    def word(self) -> str:
        """As it is written in events."""
        return self.name.lower()


class Category(StrEnum):
    """What went wrong; decides which actions help."""

    FEATURE_DRIFT = "feature_drift"
    PERFORMANCE_DEGRADATION = "performance_degradation"
    DATA_QUALITY = "data_quality"


class Action(StrEnum):
    """Everything that can be done."""

    RETRAIN_MODEL = "retrain_model"
    UPDATE_FEATURES = "update_features"
    ADJUST_THRESHOLDS = "adjust_thresholds"
    INCREASE_MONITORING = "increase_monitoring"
    ROLLBACK_MODEL = "rollback_model"
    PAUSE_PREDICTIONS = "pause_predictions"
    ALERT_DATA_TEAM = "alert_data_team"
    USE_BACKUP_MODEL = "use_backup_model"

    @property
    def least_band(self) -> Band:
        """From where on it may be done."""
        return _LEAST_BAND.get(self, Band.REMEDIATE)

    @property
    def serves(self) -> bool:
        """Whether it changes what serves."""
        return self in _LEAST_BAND

    @property
    def blames_model(self) -> bool:
        """Whether it takes the model for the cause: bad input is no bad model."""
        return self in _BLAMES_MODEL


_LEAST_BAND: Mapping[Action, Band] = {
    Action.ROLLBACK_MODEL: Band.EMERGENCY,
    Action.PAUSE_PREDICTIONS: Band.PAUSE,
    Action.USE_BACKUP_MODEL: Band.PAUSE,
}
_BLAMES_MODEL = frozenset({Action.RETRAIN_MODEL, Action.UPDATE_FEATURES, Action.ADJUST_THRESHOLDS, Action.ROLLBACK_MODEL})

EMERGENCY_ACTIONS = (Action.PAUSE_PREDICTIONS, Action.USE_BACKUP_MODEL)
"""From band PAUSE on, whatever the category: the bad version gets no traffic, the last good one gets all."""

REMEDIES: Mapping[Category, tuple[Action, ...]] = {
    Category.FEATURE_DRIFT: (Action.RETRAIN_MODEL, Action.UPDATE_FEATURES, Action.ADJUST_THRESHOLDS),
    Category.PERFORMANCE_DEGRADATION: (Action.INCREASE_MONITORING, Action.ROLLBACK_MODEL, Action.RETRAIN_MODEL),
    Category.DATA_QUALITY: (Action.PAUSE_PREDICTIONS, Action.ALERT_DATA_TEAM, Action.USE_BACKUP_MODEL),
}
"""Default actions by category, the one to try first in front (RSP-13 to RSP-15)."""
