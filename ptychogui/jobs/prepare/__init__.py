"""One preparation of a scan, whoever asks: its frames, positions and masks, first guesses, and what may be in the way."""
