"""URLs of databases: drivers are named where the URL leaves them open, and nothing of a password is ever said."""

import importlib.util

import pytest

from driftline.ledger.errors import LedgerUnavailable
from driftline.ledger.store.engine import open_engine


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("postgresql://u:p@h/d", "postgresql+psycopg"),
        ("postgres://u:p@h/d", "postgresql+psycopg"),
        ("mysql://u:p@h/d", "mysql+pymysql"),
        ("mariadb://u:p@h/d", "mysql+pymysql"),
        ("mariadb+pymysql://u:p@h/d", "mysql+pymysql"),
    ],
)
def test_a_url_without_a_driver_gets_one(url: str, driver: str) -> None:
    engine = open_engine(url, pool_size=3)
    assert engine.url.drivername == driver
    engine.dispose()


@pytest.mark.skipif(importlib.util.find_spec("MySQLdb") is not None, reason="mysqlclient is installed here")
def test_a_driver_that_is_not_installed_is_named_with_what_to_install() -> None:
    with pytest.raises(LedgerUnavailable, match=r"MySQLdb.*pip install 'driftline\[postgresql,mariadb\]'"):
        open_engine("mysql+mysqldb://u:p@h/d")


@pytest.mark.parametrize(
    "url", ["postgresql://u:hun@ter2@h/d", "nosuch://u:hunter2@h/d", "hunter2", "mssql+pyodbc://u:hunter2@h/d"]
)
def test_a_url_that_cannot_be_used_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(LedgerUnavailable) as caught:
        open_engine(url)
    assert "ter2" not in str(caught.value)
