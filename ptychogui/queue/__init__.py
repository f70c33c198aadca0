"""The queue: jobs on disk, and the lanes that do them."""
