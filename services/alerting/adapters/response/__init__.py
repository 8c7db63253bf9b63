"""Ways of an action to the outside."""
