"""Ways to tell people: one module each, behind one port."""
