"""Jobs: one reconstruction from its scan file to its result, and the processes that it runs in."""
