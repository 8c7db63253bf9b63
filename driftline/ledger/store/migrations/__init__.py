"""How the tables of a ledger came to be: alembic revisions, each for every database. None may change or remove an entry."""
