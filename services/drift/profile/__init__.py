"""Stage profile: predictions become counts."""
