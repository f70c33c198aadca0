"""The store: all jobs of the queue in one SQLite file, which several processes read and change."""
