"""The queue in the window: its store, its lanes, the job that is shown, batches, and the window's end."""
