"""Kafka behind ports: the confluent adapter and an in-memory twin."""
