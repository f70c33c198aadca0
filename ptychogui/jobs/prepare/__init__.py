"""One preparation of a scan, whoever asks: frames, positions, masks, first guesses, and what may be in the way."""
