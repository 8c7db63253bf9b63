"""The service that decides on models and monitors: registry, stages, and the only writer of monitors."""
