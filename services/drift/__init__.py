"""The drift service: profile counts, join meets labels, evaluate decides."""
