"""A reference adapter: puts the commands of the automated response into effect, and says what serves."""
