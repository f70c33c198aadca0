"""Past results: the grid and the table of them, a look at one, and several compared."""
