"""Read models of the console in SQL: tables, how topics fill them, and what the page asks of them."""
