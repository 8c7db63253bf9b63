"""Driftline as its users would use it."""
