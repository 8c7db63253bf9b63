"""The HTTP interface of governance."""
