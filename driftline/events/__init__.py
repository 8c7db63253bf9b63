"""Every event of Driftline as a frozen value, field for field as in `schemas/avro`."""

from driftline.events.alerts import (
    AlertFired,
    AlertResolved,
    NotificationFailed,
    NotificationSent,
    NotificationSuppressed,
)
from driftline.events.dead_letters import DeadLetter, SourceHeader
from driftline.events.drift_events import (
    ClearedReason,
    ColumnDrift,
    DriftCleared,
    DriftDetected,
    Reference,
)
from driftline.events.governance import (
    ModelRegistered,
    ModelVersionRegistered,
    Stage,
    StageChanged,
)
from driftline.events.monitors import (
    Baseline,
    BaselineColumn,
    ColumnKind,
    Direction,
    Monitor,
    MonitorColumn,
    MonitorState,
    MonitorStatus,
    Task,
    Threshold,
)
from driftline.events.operations import (
    CheckpointSigned,
    HealthCleared,
    HealthOpened,
    SchemaRegistered,
)
from driftline.events.predictions import (
    BatchColumn,
    BatchKind,
    Label,
    Prediction,
    PredictionBatch,
    Watermark,
)
from driftline.events.profiles import (
    Group,
    PaneProfile,
    Part,
    ProfileSet,
    Progress,
    SourceRange,
    SourceTime,
    StateEntry,
)
from driftline.events.windows import ClosedBy, Decision, Measure, WindowReport

__all__ = [
    "AlertFired",
    "AlertResolved",
    "Baseline",
    "BaselineColumn",
    "BatchColumn",
    "BatchKind",
    "CheckpointSigned",
    "ClearedReason",
    "ClosedBy",
    "ColumnDrift",
    "ColumnKind",
    "DeadLetter",
    "Decision",
    "Direction",
    "DriftCleared",
    "DriftDetected",
    "Group",
    "HealthCleared",
    "HealthOpened",
    "Label",
    "Measure",
    "ModelRegistered",
    "ModelVersionRegistered",
    "Monitor",
    "MonitorColumn",
    "MonitorState",
    "MonitorStatus",
    "NotificationFailed",
    "NotificationSent",
    "NotificationSuppressed",
    "PaneProfile",
    "Part",
    "Prediction",
    "PredictionBatch",
    "ProfileSet",
    "Progress",
    "Reference",
    "SchemaRegistered",
    "SourceHeader",
    "SourceRange",
    "SourceTime",
    "Stage",
    "StageChanged",
    "StateEntry",
    "Task",
    "Threshold",
    "Watermark",
    "WindowReport",
]

NESTED = frozenset(
    {
        "BatchColumn",
        "BaselineColumn",
        "ColumnDrift",
        "Measure",
        "MonitorColumn",
        "PaneProfile",
        "SourceHeader",
        "SourceRange",
        "SourceTime",
        "Threshold",
    }
)
"""Records that only occur inside others and have no schema of their own."""
