"""How the tables of alerting came to be: alembic revisions, for SQLite and PostgreSQL. None loses what people or alerts have said."""
