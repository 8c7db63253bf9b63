"""The pure core of drift detection: profiles that add, windows that close, measures, risk."""
