"""What runs beside the consumer: looks at groups, senders, the publisher of events, the reading of history."""
