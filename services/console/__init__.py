"""The service that shows everything on one live page. It reads topics and is never in the way of another service."""
