"""Ingest for each test."""

import pytest

from tests.unit.services.ingest.house import House


@pytest.fixture
def house(tmp_path):
    found = House(tmp_path)
    yield found
    found.keys.close()
