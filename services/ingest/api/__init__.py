"""The HTTP side of ingest: JSON to columns to records."""
