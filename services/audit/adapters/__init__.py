"""What the audit service says to the outside."""
