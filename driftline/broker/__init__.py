"""A real Apache Kafka from pip alone, for the demo, the tests and one machine."""
