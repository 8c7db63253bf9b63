"""What is required of models, held against evidence: requirements in, evidence in, verdicts and a report out."""
