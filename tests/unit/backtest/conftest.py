"""Files of made-up rows: a hundred days, whose column `x` moves on the fiftieth, with a model that is right nine times in ten."""

import numpy as np
import pytest

ROWS_OF_A_DAY = 400
DAYS = 20


def made(seed, days, shift_from=None, first_day=1):
    rng = np.random.default_rng(seed)
    n = ROWS_OF_A_DAY * days
    day = np.arange(n) // ROWS_OF_A_DAY
    x = rng.normal(size=n) + (0 if shift_from is None else 2.0 * (day >= shift_from))
    plan = rng.choice(["basic", "plus", "pro"], size=n, p=[0.6, 0.3, 0.1])
    late = rng.random(n) < 0.3
    right = rng.random(n) < 0.9
    second = (86_400 * (np.arange(n) % ROWS_OF_A_DAY)) // ROWS_OF_A_DAY
    return {
        "at": np.datetime64("2026-01-01T00:00:00") + first_day * 86_400 + 86_400 * day + second,
        "x": x,
        "plan": plan,
        "predicted": np.where(late == right, "late", "ontime"),
        "score": np.where(late == right, 0.8, 0.2),
        "outcome": np.where(late, "late", "ontime"),
    }


def write_csv(path, columns):
    rows = zip(*[[str(value) for value in values] for values in columns.values()], strict=True)
    path.write_text("\n".join([",".join(columns), *map(",".join, rows)]) + "\n")
    return path


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """(reference, data, columns of the data): x moves on day 10 of 20."""
    folder = tmp_path_factory.mktemp("backtest")
    columns = made(2, DAYS, shift_from=10)
    return write_csv(folder / "reference.csv", made(1, 5, first_day=-5)), write_csv(folder / "data.csv", columns), columns
