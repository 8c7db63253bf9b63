from collections.abc import Callable, Iterator

import pytest

from driftline.alerting.response.policy import ResponsePolicy
from tests.unit.services.alerting.response.house import House


@pytest.fixture
def make_house(tmp_path) -> Iterator[Callable[..., House]]:
    made: list[House] = []

    def make(rules: ResponsePolicy | None = None) -> House:
        made.append(House(tmp_path, rules))
        return made[-1]

    yield make
    for house in made:
        house.close()


@pytest.fixture
def house(make_house) -> House:
    return make_house()
