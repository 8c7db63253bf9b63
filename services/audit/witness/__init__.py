"""A witness: remembers the largest head of each log that it knows, and cosigns only what contains it."""
