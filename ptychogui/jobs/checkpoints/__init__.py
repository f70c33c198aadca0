"""Checkpoints: what a job keeps on its way, and how another process goes on from it."""
