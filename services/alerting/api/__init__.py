"""Alerting over HTTP."""
