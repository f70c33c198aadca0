"""Preparation of a scan, the same whoever asks: frames, positions, masks, first guesses, and the checks before them."""
