"""Texts of messages that people write themselves, in Jinja2: what they may use, what they know, and what they render to."""
