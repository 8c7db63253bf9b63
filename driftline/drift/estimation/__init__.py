"""How good predictions probably are while their outcomes are not known."""

from driftline.drift.estimation.absolute_error import ErrorEstimation, ErrorModel
from driftline.drift.estimation.calibration import Calibration, isotonic, platt
from driftline.drift.estimation.cbpe import CELLS, Estimation, count_scores, estimate, estimate_classes

__all__ = [
    "CELLS",
    "Calibration",
    "ErrorEstimation",
    "ErrorModel",
    "Estimation",
    "count_scores",
    "estimate",
    "estimate_classes",
    "isotonic",
    "platt",
]
