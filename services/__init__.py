"""The processes of Driftline: shells over the cores of the library. They meet in topics only."""
