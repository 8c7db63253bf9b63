"""Where governance touches Kafka."""
