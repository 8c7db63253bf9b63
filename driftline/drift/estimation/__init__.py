"""How good predictions probably are while their outcomes are not known."""

from driftline.drift.estimation.absolute_error import ErrorEstimation, ErrorModel
from driftline.drift.estimation.calibration import Calibration, isotonic
from driftline.drift.estimation.cbpe import CAVEAT, Estimation, estimate, estimate_accuracy
from driftline.drift.estimation.measures import FAMILY, differences, estimates

__all__ = [
    "CAVEAT",
    "FAMILY",
    "Calibration",
    "ErrorEstimation",
    "ErrorModel",
    "Estimation",
    "differences",
    "estimate",
    "estimate_accuracy",
    "estimates",
    "isotonic",
]
