"""The queue: devices and their jobs, batches, and the question at the window's end."""
