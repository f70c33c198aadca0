"""How the program speaks to people who are not looking at it: the log."""
