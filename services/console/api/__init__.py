"""What the console serves: the page, its data, its live feed, the runbooks, the door."""
