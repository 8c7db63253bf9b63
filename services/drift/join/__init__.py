"""Stage join: labels meet their predictions."""
