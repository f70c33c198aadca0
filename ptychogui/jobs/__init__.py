"""From a job to a result: the one loop, and the process it runs in."""
