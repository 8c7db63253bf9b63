"""What ingest stands on outside: the producer with its acknowledgements, Redis."""
