"""Pairing of positions and frames: the ways that there are, and one of them taken or a question asked."""
