"""Alarms whose rate is known: tests that know how many rows they saw, and budgets of false alarms over columns and time."""
