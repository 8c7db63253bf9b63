"""A small model: "arrives more than 15 minutes late", from what is known before departure."""

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from examples.flights.data import CATEGORICAL, FEATURES, NUMERIC, Flights

POSITIVE, NEGATIVE = "late", "on_time"
VERSION = "1"


def fit(flights: Flights) -> Pipeline:
    """Gradient-boosted trees on the labelled flights given."""
    labelled = flights.frame[flights.frame["late"].notna()]
    encode = make_column_transformer(
        ("passthrough", list(NUMERIC)),
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan), list(CATEGORICAL)),
    )
    categorical = [False] * len(NUMERIC) + [True] * len(CATEGORICAL)
    trees = HistGradientBoostingClassifier(max_iter=40, learning_rate=0.15, categorical_features=categorical, random_state=2013)
    model = make_pipeline(encode, trees)
    model.fit(labelled[list(FEATURES)], labelled["late"].astype(bool))
    return model


def score(model: Pipeline, flights: Flights) -> NDArray[np.float64]:
    """Probability of arriving late, for every flight given."""
    return model.predict_proba(flights.frame[list(FEATURES)])[:, 1]
