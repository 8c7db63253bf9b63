from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from driftline.alerting.routing import Routing
from tests.unit.services.alerting.bench_of_parts import Parts


@pytest.fixture
def make_parts(tmp_path: Path) -> Iterator[Callable[..., Parts]]:
    """Build the parts of a service; several calls stand for several lives of it, one after the other."""
    made: list[Parts] = []

    def make(routing: Routing | None = None, **options: Any) -> Parts:
        for earlier in made:
            earlier.database.close()
        clock = made[-1].clock if made else None
        made.append(Parts(tmp_path, routing, clock=clock, **options))
        return made[-1]

    yield make
    for parts in made:
        parts.database.close()


@pytest.fixture
def parts(make_parts: Callable[..., Parts]) -> Parts:
    return make_parts()
