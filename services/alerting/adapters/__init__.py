"""The outside: channels, and Faust."""
