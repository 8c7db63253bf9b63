"""The demo: every flight that left New York in 2013, scored by a small model and streamed through Driftline."""
