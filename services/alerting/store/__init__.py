"""Everything that alerting remembers, in SQL."""
