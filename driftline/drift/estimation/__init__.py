"""How good predictions probably are while their outcomes are not known."""

from driftline.drift.estimation.absolute_error import ErrorEstimation, ErrorModel
from driftline.drift.estimation.calibration import Calibration, isotonic, platt
from driftline.drift.estimation.cbpe import CAVEAT, CELLS, Estimation, count_scores, estimate, estimate_classes
from driftline.drift.estimation.measures import FAMILY, differences, estimates

__all__ = [
    "CAVEAT",
    "CELLS",
    "FAMILY",
    "Calibration",
    "ErrorEstimation",
    "ErrorModel",
    "Estimation",
    "count_scores",
    "differences",
    "estimate",
    "estimate_classes",
    "estimates",
    "isotonic",
    "platt",
]
