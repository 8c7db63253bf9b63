"""Models, versions, stages and monitors: what is decided about them, without any transport or store."""
