"""What each channel is sent: pure functions from a notification to the channel's own payload, within its published limits."""
