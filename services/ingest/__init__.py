"""HTTP in: predictions and labels, judged as columns, written to Kafka, answered when the broker has them."""
